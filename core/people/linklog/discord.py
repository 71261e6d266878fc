"""`/linklogs`: the channel of the link log."""

import discord
from discord import app_commands
from discord.ext import commands

from core.guilds.actions import change_settings, load_settings
from core.kit.database.work import Work
from core.kit.discord.ui import (
    answer,
    guild_of,
    missing_in,
    require_permissions,
    run_action,
    server_group,
)
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.outbox.actions import find_error
from core.people.linklog import messages
from core.people.linklog.actions import LINK_KIND, PANEL_KIND, LinkLogSettings

Context = commands.Context[commands.Bot]


class LinkLogs(commands.Cog):
    """The link log."""

    @server_group("linklogs", fallback="status", for_admins=True)
    async def linklogs(self, ctx: Context) -> None:
        """Show whether links are logged, where, and what could not be delivered."""
        await _configure(ctx)

    @linklogs.command(name="on")
    @app_commands.describe(channel="Where links are logged. Default: the last channel, or this one")
    async def switch_on(self, ctx: Context, channel: discord.TextChannel | None = None) -> None:
        """Log every link, failure, conflict and unlink in a channel."""
        before = await run_action(ctx, load_settings, LinkLogSettings)
        where = channel or guild_of(ctx).get_channel(before.link_log_channel) or ctx.channel
        if not isinstance(where, discord.TextChannel):
            raise Refusal(
                _("The link log needs a text channel."),
                _("Choose one: `/linklogs on channel:#log`."),
            )
        require_permissions(where, where.guild.me)
        await _configure(ctx, link_log_channel=where.id, link_log=True)

    @linklogs.command(name="off")
    async def switch_off(self, ctx: Context) -> None:
        """Turn the link log off; the channel is remembered."""
        await _configure(ctx, link_log=False)


def configure(work: Work, /, **values: int | bool) -> tuple[LinkLogSettings, str]:
    """Change settings; returns all of them, and why the latest undelivered entry failed."""
    change_settings(work, LinkLogSettings, **values)
    trouble = find_error(work, LINK_KIND, PANEL_KIND)
    return load_settings(work, LinkLogSettings), trouble or ""


async def _configure(ctx: Context, **values: int | bool) -> None:
    settings, trouble = await run_action(ctx, configure, **values)
    guild = guild_of(ctx)
    channel = guild.get_channel(settings.link_log_channel)
    missing = missing_in(channel, guild.me) if channel is not None else None
    await answer(ctx, messages.status(settings, missing, trouble))
