"""A server of its own for tests that commit, and the bot's commands without a network."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from unittest.mock import AsyncMock, Mock

import discord
import pytest
from discord.ext import commands
from sqlalchemy import text

from core.guilds import store as guilds
from core.kit.bus import LocalBus
from core.kit.database import METADATA, Database
from core.kit.services import Services
from core.kit.settings import Settings
from core.watchtime.room import ROOM
from tests.watchtime.model import at

COMMITTED_GUILD = 3003

_askers = count(start=42)


@pytest.fixture
def committed_guild(database: Database) -> Iterator[int]:
    """A server whose rows are really committed, and removed after the test."""
    with database.begin() as tx:
        guilds.set_guild(tx, COMMITTED_GUILD, "Committed")
    yield COMMITTED_GUILD
    with database.begin() as tx:
        # Ledgers refuse to lose a row; here the refusal is switched off.
        tx.execute(text("SET LOCAL session_replication_role = replica"))
        for table in reversed(METADATA.sorted_tables):
            if "guild_id" in table.c:
                tx.execute(table.delete().where(table.c.guild_id == COMMITTED_GUILD))


@pytest.fixture
def services(database: Database) -> Services:
    """What the room is opened with; its clock stands an hour after the evening began."""
    settings = Settings(_env_file=None)
    return Services(settings, database, LocalBus(), clock=lambda: at(60))


Type = Callable[[str], Awaitable[discord.Embed]]


@pytest.fixture
async def type_line(services: Services, committed_guild: int) -> Type:
    """`await type_line("!leaderboard 5")`: the bot's own parsing, checks and cooldowns, and the
    embed it would send. Only Discord's network is pretended."""
    bot = commands.Bot("!", intents=discord.Intents.none(), help_command=None)
    # discord.py keeps cooldowns with the command, for as long as the process lives.
    asker = next(_askers)
    bot._connection.user = Mock(spec=discord.ClientUser, id=1)
    for cog in ROOM.cogs:
        await bot.add_cog(cog(services))

    async def type_line(line: str) -> discord.Embed:
        message = Mock(spec=discord.Message, content=line, edited_at=None, attachments=[])
        message.created_at = datetime.now(UTC)
        message.author = Mock(spec=discord.Member, id=asker)
        message.guild = Mock(spec=discord.Guild, id=committed_guild)
        ctx = await bot.get_context(message)
        ctx.send = AsyncMock(spec=ctx.send)  # type: ignore[method-assign]
        assert ctx.command is not None
        await ctx.command.invoke(ctx)
        sent = ctx.send.await_args_list[-1].kwargs
        assert sent["allowed_mentions"].to_dict() == {"parse": []}
        embed: discord.Embed = sent["embed"]
        return embed

    return type_line
