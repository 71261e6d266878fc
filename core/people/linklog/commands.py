"""`/linklogs`: where everything that happens to links is told."""

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.discord_faults import TO_POST
from core.kit.discord_ui import PRIVATE, answer, guild_id_of, require_permissions
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.people.linklog import actions, embeds
from core.people.linklog.actions import Status

Context = commands.Context[commands.Bot]


class LinkLogs(commands.Cog):
    """The link log."""

    def __init__(self, services: Services) -> None:
        self._database = services.database

    @commands.hybrid_group(name="linklogs", fallback="status", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def linklogs(self, ctx: Context) -> None:
        """Show whether links are logged, where, and what could not be delivered."""
        current = await self._database.run(actions.get_status, guild_id_of(ctx))
        await _tell(ctx, current)

    @linklogs.command(name="on", extras=PRIVATE)
    @app_commands.describe(channel="Where links are logged; if empty, the last one or this one")
    async def switch_on(self, ctx: Context, channel: discord.TextChannel | None = None) -> None:
        """Log every link, failure, conflict and unlink in a channel."""
        where = channel or await self._remembered(ctx) or ctx.channel
        if not isinstance(where, discord.TextChannel):
            raise Refusal(
                _("The link log needs a text channel."), _("Name one: `/linklogs on channel:#log`.")
            )
        assert ctx.guild is not None, "the command is guild_only"
        require_permissions(where, ctx.guild.me)
        current = await self._database.run(actions.switch_on, ctx.guild.id, where.id, ctx.author.id)
        await _tell(ctx, current)

    async def _remembered(self, ctx: Context) -> discord.TextChannel | None:
        """The channel that was chosen before, if it still exists."""
        assert ctx.guild is not None, "the command is guild_only"
        current = await self._database.run(actions.get_status, ctx.guild.id)
        known = ctx.guild.get_channel(current.channel_id or 0)
        return known if isinstance(known, discord.TextChannel) else None

    @linklogs.command(name="off", extras=PRIVATE)
    async def switch_off(self, ctx: Context) -> None:
        """Turn the link log off; the channel is remembered."""
        current = await self._database.run(actions.switch_off, guild_id_of(ctx), ctx.author.id)
        await _tell(ctx, current)


async def _tell(ctx: Context, current: Status) -> None:
    assert ctx.guild is not None, "the commands are guild_only"
    channel = ctx.guild.get_channel(current.channel_id or 0)
    missing = None
    if channel is not None:
        held = channel.permissions_for(ctx.guild.me)
        missing = [name for name in TO_POST if not getattr(held, name)]
    await answer(ctx, embeds.status(current, missing))
