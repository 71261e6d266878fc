"""`/webhooklog`: for admins, for this server, for the asker alone."""

from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock, Mock

import discord
from discord.ext import commands

from core.kick.intake import log_store
from core.kick.intake.commands import SHOWN, WebhookLogbook
from core.kick.intake.log_store import Line
from core.kit.bus import LocalBus
from core.kit.database import Database
from core.kit.discord_ui import PRIVATE, needed_permissions
from core.kit.services import Services
from tests.kick.rig import NOON, StandingClock, settings


async def shown(database: Database, clock: StandingClock, guild_id: int) -> str:
    """What the command answers in this server."""
    cog = WebhookLogbook(Services(settings(), database, LocalBus(), clock))
    ctx = Mock(spec=commands.Context, guild=Mock(spec=discord.Guild, id=guild_id))
    ctx.command, ctx.send = cog.webhooklog, AsyncMock()
    callback: Any = cog.webhooklog.callback
    await callback(cog, ctx)
    sent = ctx.send.await_args.kwargs
    assert sent["ephemeral"] is True
    return str(sent["embed"].description)


async def test_the_last_ten_of_this_server_and_nobody_elses(
    clean: Database, clock: StandingClock, guild_id: int, other_guild_id: int
) -> None:
    def line(guild: int, number: int) -> Line:
        at = NOON - timedelta(seconds=number)
        return Line(guild, at, at, f"kind-{guild}-{number:02}", "d", "s", "stored")

    with clean.begin() as tx:
        log_store.add_lines(tx, [line(guild_id, number) for number in range(12)])
        log_store.add_lines(tx, [line(other_guild_id, 1)])
    ours = await shown(clean, clock, guild_id)
    assert [f"kind-{guild_id}-{n:02}" in ours for n in range(12)] == [True] * SHOWN + [False] * 2
    assert f"kind-{other_guild_id}" not in ours
    assert (await shown(clean, clock, other_guild_id)).count("kind-") == 1


def test_it_is_for_admins_and_private() -> None:
    command: Any = WebhookLogbook.webhooklog
    assert needed_permissions(command).manage_guild
    assert command.extras == PRIVATE
