"""`/check_kick_config`, `/kick_selftest`, `/say` and `/webhooklog`."""

from datetime import timedelta

from discord import app_commands
from discord.ext import commands

from core.kick import messages
from core.kick.chat import actions, report, selftest
from core.kick.intake.log import count_unattributed, list_newest_lines
from core.kick.intake.records import LogLine
from core.kit.discord_ui import PRIVATE, answer, guild_id_of, run_action
from core.kit.services import Services
from core.kit.work import Work

SHOWN = 10
"""Deliveries of the webhook log."""

Context = commands.Context[commands.Bot]


def _read_log(work: Work) -> tuple[list[LogLine], dict[str, int]]:
    newest = list_newest_lines(work.tx, work.guild_id, SHOWN)
    return newest, count_unattributed(work.tx, work.now - timedelta(days=1))


class KickChecks(commands.Cog):
    """Sending to Kick's chat, and checking what Kick delivers."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @commands.hybrid_command(name="check_kick_config", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def check_kick_config(self, ctx: Context) -> None:
        """Check the Kick setup and show how to fix what is missing."""
        found = await run_action(ctx, report.examine, self._services)
        await answer(ctx, messages.report(found))

    @commands.hybrid_command(name="kick_selftest", extras=PRIVATE)
    @commands.guild_only()
    @commands.cooldown(1, 30, commands.BucketType.guild)
    @app_commands.default_permissions(manage_guild=True)
    async def kick_selftest(self, ctx: Context) -> None:
        """Send a line to Kick's chat and wait for it to come back, to test both directions."""
        result = await selftest.run(self._services, guild_id_of(ctx))
        await answer(ctx, messages.selftest(result))

    @commands.hybrid_command(name="say", extras=PRIVATE)
    @commands.guild_only()
    @commands.cooldown(10, 60, commands.BucketType.guild)
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(line="What to say in Kick's chat, at most 500 characters")
    async def say(self, ctx: Context, *, line: str) -> None:
        """Say a line in the streamer's Kick chat, as the bot."""
        await run_action(ctx, actions.say_for, self._services, line)
        await answer(ctx, messages.said(line))

    @commands.hybrid_command(name="webhooklog", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def webhooklog(self, ctx: Context) -> None:
        """Show Kick's last deliveries for this server, and what became of them."""
        await answer(ctx, messages.webhook_log(*await run_action(ctx, _read_log)))
