"""`!watchtime` and `!leaderboard` through discord.py's own parsing, checks and cooldowns."""

import discord
import pytest
from discord import app_commands
from discord.ext import commands

from core.kit.errors import Refusal
from core.kit.services import Services
from core.watchtime import actions
from core.watchtime.commands import Watchtime
from tests.watchtime.conftest import Type
from tests.watchtime.model import Teller, at, tell

pytestmark = pytest.mark.usefixtures("evening")


@pytest.fixture
def evening(services: Services, committed_guild: int) -> None:
    """Two viewers, one of them with a name that means something to Discord; live at 23:00."""
    teller = Teller(committed_guild)
    with services.database.begin() as tx:
        tell(tx, *(teller.says(1, at(minute), name="__mad__ cats") for minute in (0, 10, 55)))
        tell(tx, teller.says(2, at(20)), teller.seen_live(at(0), at(60)))
        actions.credit(tx, committed_guild)


async def test_watchtime_of_somebody(type_line: Type) -> None:
    embed = await type_line("!watchtime __MAD__ cats")
    assert embed.title == r"⏱️ \_\_mad\_\_ cats"
    assert "25 min" in str(embed.description)


async def test_watchtime_without_a_name_explains(type_line: Type) -> None:
    embed = await type_line("!watchtime")
    assert "counted for 10 minutes after each message" in str(embed.description)
    assert [field.value for field in embed.fields] == ["1", "35 min", "2"]


async def test_watchtime_of_a_stranger_is_refused(type_line: Type) -> None:
    with pytest.raises(commands.CommandInvokeError) as raised:
        await type_line("!watchtime stranger")
    assert isinstance(raised.value.original, Refusal)


async def test_leaderboard(type_line: Type) -> None:
    embed = await type_line("!leaderboard")
    assert str(embed.description).split("\n")[:2] == [
        r"🥇 **\_\_mad\_\_ cats** · 25 min",
        "🥈 **viewer2** · 10 min",
    ]


async def test_leaderboard_of_one(type_line: Type) -> None:
    assert "viewer2" not in str((await type_line("!leaderboard 1")).description)


@pytest.mark.parametrize("top", ["0", "26"])
async def test_leaderboard_has_bounds(type_line: Type, top: str) -> None:
    with pytest.raises(commands.RangeError):
        await type_line(f"!leaderboard {top}")
    assert await type_line("!leaderboard"), "a slip costs no cooldown"


async def test_leaderboard_every_ten_seconds(type_line: Type) -> None:
    await type_line("!leaderboard")
    with pytest.raises(commands.CommandOnCooldown) as raised:
        await type_line("!leaderboard")
    assert 9 < raised.value.retry_after <= 10


async def test_both_are_slash_commands_too(services: Services) -> None:
    bot = commands.Bot("!", intents=discord.Intents.none())
    await bot.add_cog(Watchtime(services))
    slash = {command.name: command for command in bot.tree.get_commands()}
    assert set(slash) == {"watchtime", "leaderboard"}
    leaderboard = slash["leaderboard"]
    assert isinstance(leaderboard, app_commands.Command)
    (top,) = leaderboard.parameters
    assert (top.min_value, top.max_value, top.required) == (1, 25, False)
    assert leaderboard.guild_only
