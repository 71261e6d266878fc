"""`/linklogs`: the channel where everything that happens to links is posted."""

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.discord_faults import TO_POST
from core.kit.discord_ui import PRIVATE, answer, require_permissions, run_action
from core.kit.errors import Refusal
from core.kit.words import _
from core.people.linklog import actions, embeds
from core.people.linklog.actions import Status

Context = commands.Context[commands.Bot]


class LinkLogs(commands.Cog):
    """The link log."""

    @commands.hybrid_group(name="linklogs", fallback="status", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def linklogs(self, ctx: Context) -> None:
        """Show whether links are logged, where, and what could not be delivered."""
        await _show(ctx, await run_action(ctx, actions.get_status))

    @linklogs.command(name="on", extras=PRIVATE)
    @app_commands.describe(channel="Where links are logged; if empty, the last one or this one")
    async def switch_on(self, ctx: Context, channel: discord.TextChannel | None = None) -> None:
        """Log every link, failure, conflict and unlink in a channel."""
        where = channel or await self._remembered(ctx) or ctx.channel
        if not isinstance(where, discord.TextChannel):
            raise Refusal(
                _("The link log needs a text channel."), _("Name one: `/linklogs on channel:#log`.")
            )
        require_permissions(where, where.guild.me)
        current = await run_action(ctx, actions.configure, enabled=True, channel_id=where.id)
        await _show(ctx, current)

    async def _remembered(self, ctx: Context) -> discord.TextChannel | None:
        """The channel that was chosen before, if it still exists."""
        assert ctx.guild is not None, "the command is guild_only"
        current = await run_action(ctx, actions.get_status)
        known = ctx.guild.get_channel(current.channel_id or 0)
        return known if isinstance(known, discord.TextChannel) else None

    @linklogs.command(name="off", extras=PRIVATE)
    async def switch_off(self, ctx: Context) -> None:
        """Turn the link log off; the channel is remembered."""
        await _show(ctx, await run_action(ctx, actions.configure, enabled=False))


async def _show(ctx: Context, current: Status) -> None:
    assert ctx.guild is not None, "the commands are guild_only"
    channel = ctx.guild.get_channel(current.channel_id or 0)
    missing = None
    if channel is not None:
        held = channel.permissions_for(ctx.guild.me)
        missing = [name for name in TO_POST if not getattr(held, name)]
    await answer(ctx, embeds.status(current, missing))
