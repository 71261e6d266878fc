"""`/help` lists what one may use, and always fits into Discord's limits."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from discord.ext import commands

from core.health.room import open_room as open_health
from core.help.commands import Help, describe_chat_command, describe_command, usage
from core.help.room import open_room as open_help
from core.kit.database import Database
from core.kit.room import ChatCommand, Room
from tests.health.rig import BotRig, open_bot

CALL = ChatCommand(("call", "sr"), lambda *_: None, "!call <slot>", "Ask for a slot.")
MANY = tuple(
    ChatCommand((f"c{n}",), lambda *_: None, f"!c{n}", "A sentence of help. " * 3)
    for n in range(40)
)


@pytest.fixture
async def rig(database: Database) -> AsyncIterator[BotRig]:
    chat = Room("chat", chat_commands=(CALL, *MANY))
    async with open_bot(database, [open_health([chat]), open_help([chat])]) as rig:
        yield rig


def text_of(line: dict[str, Any]) -> str:
    return "\n".join(field["value"] for field in line["embeds"][0]["fields"])


async def test_one_sees_what_one_may_use(rig: BotRig) -> None:
    viewers = text_of(await rig.ask("mia", "!help"))
    assert "`/help`" in viewers
    assert "/health" not in viewers
    assert "`!call <slot>` Ask for a slot." in viewers
    assert "/health" in text_of(await rig.ask("tomas", "!help"))


async def test_however_many_commands_there_are_the_answer_fits(rig: BotRig) -> None:
    fields = (await rig.ask("mia", "!HELP"))["embeds"][0]["fields"]
    assert len(fields) <= 25
    assert all(len(field["value"]) <= 1024 for field in fields)
    assert "!c39" in fields[-1]["value"]


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
    assert Help([]).description
