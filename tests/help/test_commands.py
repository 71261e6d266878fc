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
from core.kit.database import Database
from core.kit.discord_arguments import usage
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


async def test_help_begins_with_a_short_overview(rig: BotRig) -> None:
    line = await rig.ask("mia", "!help")
    assert names_of(line) == ["🎰 Requests"]
    text = text_of(line)
    assert "`!call <slot>` Ask for a slot." in text
    assert "/health" not in text
    assert len(text.splitlines()) <= 5


async def test_moderators_see_which_topics_are_theirs(rig: BotRig) -> None:
    line = await rig.ask("tomas", "!help")
    assert names_of(line) == ["🎰 Requests", "🔧 For moderators"]
    assert "Health" in text_of(line)


@pytest.mark.parametrize("name", ["health", "/health", "!HEALTH", "`health`"])
async def test_one_command_is_explained_by_its_name(rig: BotRig, name: str) -> None:
    line = await rig.ask("mia", f"!help {name}")
    assert line["embeds"][0]["title"] == "👋 /health"
    text = text_of(line)
    assert "`!health`" in text
    assert "permission Manage Server, or with a role that has the group **Health**" in text


async def test_an_argument_is_explained(rig: BotRig) -> None:
    assert "`topic` A topic such as Raffle" in text_of(await rig.ask("mia", "!help /help"))


async def test_a_chat_command_is_explained_by_any_of_its_names(rig: BotRig) -> None:
    for name in ("call", "!sr"):
        line = await rig.ask("mia", f"!help {name}")
        assert line["embeds"][0]["title"] == "👋 !call <slot>"


async def test_what_there_is_not_is_said_with_what_may_be_meant(rig: BotRig) -> None:
    line = await rig.ask("tomas", "!help helth")
    assert line["embeds"][0]["title"] == "⚠️ There is no command or topic “helth”."
    assert "`/help health`" in text_of(line)


async def test_one_sees_the_topics_in_which_one_may_do_something(rig: BotRig) -> None:
    assert topics_of(await rig.ask("mia", "!help")) == ["Help"]
    assert topics_of(await rig.ask("tomas", "!help")) == ["Health", "Help"]


async def test_a_topic_shows_all_that_one_may_do_there(rig: BotRig) -> None:
    line = await rig.ask("tomas", "!help HEALTH")
    assert "🔧 `/health`" in text_of(line)
    assert line["embeds"][0]["title"] == "👋 Health"


async def test_the_menu_answers_whoever_chooses_privately_and_by_their_own_permissions(
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


async def test_however_many_commands_there_are_the_answer_fits(rig: BotRig) -> None:
    embed = (await rig.ask("mia", "!HELP"))["embeds"][0]
    assert len(embed["fields"]) <= 25
    assert all(len(field["value"]) <= 1024 for field in embed["fields"])
    assert len(discord.Embed.from_dict(embed)) <= 6000


def test_a_topic_begins_with_what_everyone_may_do() -> None:
    about: list[Any] = [
        {"slash": f"/{name}", "help": "Do it.", "who": who}
        for name, who in (("a", "Manage Server"), ("b", "everyone"), ("c", "everyone"))
    ]
    shown = messages.topic("Raffle", about).description or ""
    assert shown.splitlines() == ["`/b` Do it.", "`/c` Do it.", "🔧 `/a` Do it."]


def test_the_overview_is_in_the_order_in_which_somebody_begins() -> None:
    def section(name: str) -> messages.Section:
        return messages.Section([{"slash": f"/{name}{n}", "help": "Do it."} for n in range(3)])

    embed = messages.overview({name: section(name) for name in ("privacy", "raffle", "people")}, [])
    assert [field.name for field in embed.fields] == [
        "🔗 Get started",
        "🎟️ Raffle",
        "🔒 Your data",
    ]
    assert embed.fields[1].value == "`/raffle0` Do it.\nAlso: `/raffle1` · `/raffle2`"


def test_a_command_is_described_with_how_it_is_typed_and_by_whom() -> None:
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


def test_a_chat_command_is_described_with_all_its_words() -> None:
    assert describe_chat_command(CALL) == {
        "names": ["call", "sr"],
        "usage": "!call <slot>",
        "help": "Ask for a slot.",
    }


def test_the_cog_explains_itself() -> None:
    assert Help({}).description
