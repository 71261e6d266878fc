"""`/help` lists what one may use, and always fits into Discord's limits."""

from collections.abc import AsyncIterator
from typing import Any

import discord
import pytest
from discord.ext import commands

from core.health.feature import make_feature as open_health
from core.help import messages
from core.help.discord import Help, describe_chat_command, describe_command
from core.help.feature import make_feature as open_help
from core.kit.database.connection import Database
from core.kit.discord.arguments import usage
from core.kit.feature import ChatCommand, Feature
from tests.health.rig import BotRig, open_bot

EPHEMERAL = 64

CALL = ChatCommand(("call", "sr"), lambda *_: None, "!call <slot>", "Ask for a slot.")
MANY = tuple(
    ChatCommand((f"c{n}",), lambda *_: None, f"!c{n}", "A sentence of help. " * 3)
    for n in range(40)
)


@pytest.fixture
async def rig(database: Database) -> AsyncIterator[BotRig]:
    chat = Feature("slot_calls", chat_commands=(CALL, *MANY))
    async with open_bot(database, [open_health([chat]), open_help([chat])]) as rig:
        yield rig


def text_of(line: dict[str, Any]) -> str:
    embed = line["embeds"][0]
    return "\n".join(
        [embed.get("description") or "", *(f["value"] for f in embed.get("fields", ()))]
    )


def menu_of(line: dict[str, Any]) -> dict[str, Any]:
    menu: dict[str, Any] = line["components"][0]["components"][0]
    return menu


def topics_of(line: dict[str, Any]) -> list[str]:
    return [option["label"] for option in menu_of(line)["options"]]


def names_of(line: dict[str, Any]) -> list[str]:
    return [field["name"] for field in line["embeds"][0].get("fields", ())]


async def test_help_starts_with_a_short_overview(rig: BotRig) -> None:
    line = await rig.ask("mia", "!help")
    assert names_of(line) == ["🎰 Requests"]
    text = text_of(line)
    assert "`!call <slot>` Ask for a slot." in text
    assert "/health" not in text
    assert len(text.splitlines()) <= 5


async def test_moderators_see_their_topics(rig: BotRig) -> None:
    line = await rig.ask("tomas", "!help")
    assert names_of(line) == ["🎰 Requests", "🔧 For moderators"]
    assert "Health" in text_of(line)


@pytest.mark.parametrize("name", ["health", "/health", "!HEALTH", "`health`"])
async def test_command_is_explained_by_name(rig: BotRig, name: str) -> None:
    line = await rig.ask("mia", f"!help {name}")
    assert line["embeds"][0]["title"] == "👋 /health"
    text = text_of(line)
    assert "`!health`" in text
    assert "permission Manage Server, or with a role that was granted **Health**" in text


async def test_argument_is_explained(rig: BotRig) -> None:
    assert "`topic` A topic such as Raffle" in text_of(await rig.ask("mia", "!help /help"))


async def test_chat_command_is_explained_by_any_of_its_names(rig: BotRig) -> None:
    for name in ("call", "!sr"):
        line = await rig.ask("mia", f"!help {name}")
        assert line["embeds"][0]["title"] == "👋 !call <slot>"


async def test_unknown_topic_suggests_a_similar_one(rig: BotRig) -> None:
    line = await rig.ask("tomas", "!help helth")
    assert line["embeds"][0]["title"] == "⚠️ There is no command or topic “helth”."
    assert "`/help health`" in text_of(line)


async def test_topics_are_limited_to_the_members_permissions(rig: BotRig) -> None:
    assert topics_of(await rig.ask("mia", "!help")) == ["Help"]
    assert topics_of(await rig.ask("tomas", "!help")) == ["Health", "Help"]


async def test_topic_lists_every_allowed_command(rig: BotRig) -> None:
    line = await rig.ask("tomas", "!help HEALTH")
    assert "🔧 `/health`" in text_of(line)
    assert line["embeds"][0]["title"] == "👋 Health"


async def test_menu_answers_privately_by_the_members_own_permissions(
    rig: BotRig,
) -> None:
    line = await rig.ask("tomas", "!help")
    for person, sees_it in (("tomas", True), ("mia", False)):
        chosen = await rig.hands.click(
            person, line["message_id"], menu_of(line)["custom_id"], ["Health"]
        )
        answer = chosen["response"]
        assert answer["flags"] & EPHEMERAL
        assert ("/health" in text_of(answer)) is sees_it


async def test_many_commands_still_fit_in_the_embed(rig: BotRig) -> None:
    embed = (await rig.ask("mia", "!HELP"))["embeds"][0]
    assert len(embed["fields"]) <= 25
    assert all(len(field["value"]) <= 1024 for field in embed["fields"])
    assert len(discord.Embed.from_dict(embed)) <= 6000


def test_topic_lists_commands_for_everyone_first() -> None:
    about: list[Any] = [
        {"slash": f"/{name}", "help": "Do it.", "who": who}
        for name, who in (("a", "Manage Server"), ("b", "everyone"), ("c", "everyone"))
    ]
    shown = messages.topic("Raffle", about).description or ""
    assert shown.splitlines() == ["`/b` Do it.", "`/c` Do it.", "🔧 `/a` Do it."]


def test_overview_is_in_the_order_of_first_use() -> None:
    def section(name: str) -> messages.Section:
        return messages.Section([{"slash": f"/{name}{n}", "help": "Do it."} for n in range(3)])

    embed = messages.overview({name: section(name) for name in ("privacy", "raffle", "people")}, [])
    assert [field.name for field in embed.fields] == [
        "🔗 Get started",
        "🎟️ Raffle",
        "🔒 Your data",
    ]
    assert embed.fields[1].value == "`/raffle0` Do it.\nAlso: `/raffle1` · `/raffle2`"


def test_command_is_described_with_usage_and_permission() -> None:
    @commands.hybrid_command(name="call")  # type: ignore[arg-type]
    async def call(ctx: commands.Context[Any], slot: str, bet: int = 1) -> None:
        """Call a slot.

        More about it.
        """

    assert describe_command(call) == {
        "name": "call",
        "slash": "/call",
        "usage": "!call <slot> [bet=1]",
        "arguments": [{"name": "slot", "required": True}, {"name": "bet", "required": False}],
        "who": "everyone",
        "group": "",
        "help": "Call a slot.",
    }
    assert usage(call) == "!call <slot> [bet=1]"
    assert usage(None) == "!help"


def test_chat_command_is_described_with_all_its_names() -> None:
    assert describe_chat_command(CALL) == {
        "names": ["call", "sr"],
        "usage": "!call <slot>",
        "help": "Ask for a slot.",
    }


def test_cog_has_a_description() -> None:
    assert Help({}).description
