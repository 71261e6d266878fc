"""`/check_kick_config`, `/kick_selftest` and `/say`."""

from discord import app_commands
from discord.ext import commands

from core.kick.chat import actions, messages, report, selftest
from core.kit.discord_ui import PRIVATE, answer, guild_id_of, run_action
from core.kit.services import Services

Context = commands.Context[commands.Bot]


class KickChecks(commands.Cog):
    """Sending to Kick's chat, and testing it."""

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
