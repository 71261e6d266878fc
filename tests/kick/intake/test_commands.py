"""`/webhooklog`: for admins, for this server, for the asker alone."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock, Mock

import discord
from discord.ext import commands

from core.kick.discord import SHOWN, KickChecks
from core.kick.intake import log
from core.kick.intake.records import LogLine
from core.kit.database.connection import Database
from core.kit.discord.ui import is_private, needed_permissions
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from tests.kick.rig import NOON, StandingClock, line_of, settings


async def shown(database: Database, clock: StandingClock, guild_id: int) -> str:
    """What the command answers in this server."""
    services = Services(settings(), database, LocalBus(), clock)
    cog, bot = KickChecks(services), Mock(services=services)
    ctx = Mock(spec=commands.Context, bot=bot, guild=Mock(spec=discord.Guild, id=guild_id))
    ctx.author = Mock(spec=discord.Member, id=1, roles=[])
    ctx.command, ctx.send = cog.webhooklog, AsyncMock()
    callback: Any = cog.webhooklog.callback
    await callback(cog, ctx)
    sent = ctx.send.await_args.kwargs
    assert sent["ephemeral"] is True
    return str(sent["embed"].description)


async def test_log_shows_the_last_ten_of_this_server_only(
    clean: Database, clock: StandingClock, guild_id: int, other_guild_id: int
) -> None:
    def line(guild: int, number: int) -> LogLine:
        at = NOON - timedelta(seconds=number)
        return line_of(guild, at, kind=f"kind-{guild}-{number:02}")

    with clean.begin() as tx:
        log.add_lines(tx, [line(guild_id, number) for number in range(12)])
        log.add_lines(tx, [line(other_guild_id, 1)])
    ours = await shown(clean, clock, guild_id)
    assert [f"kind-{guild_id}-{n:02}" in ours for n in range(12)] == [True] * SHOWN + [False] * 2
    assert f"kind-{other_guild_id}" not in ours
    assert (await shown(clean, clock, other_guild_id)).count("kind-") == 1


def test_webhooklog_requires_manage_server_and_is_private() -> None:
    command: Any = KickChecks.webhooklog
    assert needed_permissions(command).manage_guild
    assert is_private(cast(Any, SimpleNamespace(command=command)))
