"""`/setup_link_panel`, `/link_panels`, and the buttons of panels."""

from collections.abc import Mapping
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.database.records import ChannelId, MemberId, MessageId
from core.kit.discord.ui import (
    SILENT,
    answer,
    permission_names,
    require_permissions,
    run_action,
    server_command,
    server_group,
)
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered
from core.people.panels import actions, messages
from core.people.panels.reactions import (
    UNKNOWN_EMOJI,
    delete_withdrawn_panels,
    panel_buttons,
    panel_content,
    reaction_of,
)
from core.people.panels.records import Panel
from core.people.panels.rules import DEFAULT_EMOJI, NEEDED, read_emoji

Context = commands.Context[commands.Bot]

TOO_MANY_PINS = 30003
MISSING = (50001, 50013)
"""Discord's error codes."""


def render_panel(payload: Mapping[str, Any]) -> Rendered:
    """A panel that was requested on the dashboard, see `actions.request_panel`."""
    platforms = payload.get("platforms", ["kick"])
    embed = messages.panel(payload["server"], DEFAULT_EMOJI, payload["privacy_url"], platforms)
    return Rendered(embed, lambda: panel_buttons(platforms))


class LinkPanels(commands.Cog):
    """Link panels."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @server_command("setup_link_panel", for_admins=True)
    @app_commands.describe(emoji="For the reaction: any emoji, including this server's own")
    async def setup_link_panel(self, ctx: Context, *, emoji: str = DEFAULT_EMOJI) -> None:
        """Post and pin a panel in this channel where members can link their accounts."""
        channel = _text_channel(ctx)
        written = await _emoji(channel.guild, emoji)
        require_permissions(channel, channel.guild.me, NEEDED)
        message, platforms = await self._post(channel, written)
        panel = Panel(
            message_id=MessageId(message.id),
            channel_id=ChannelId(channel.id),
            channel_name=channel.name,
            emoji=written,
            platforms=platforms,
            posted_by=MemberId(ctx.author.id),
            posted_at=self._services.clock(),
        )
        try:
            former = await run_action(ctx, actions.put_panel, panel)
        except Exception:
            await message.delete()
            raise
        await delete_withdrawn_panels(self._services, channel.guild, former)
        await answer(ctx, messages.posted(panel, replaced=bool(former)))

    async def _post(self, channel: discord.TextChannel, emoji: str) -> tuple[discord.Message, str]:
        """The message with its reaction, pinned, and the platforms that it offers. Raises Refusal
        if Discord rejected it; nothing stays posted."""
        platforms, content = await panel_content(self._services, channel.guild, emoji)
        message = await channel.send(**content, allowed_mentions=SILENT)
        try:
            await message.add_reaction(reaction_of(emoji))
            await message.pin(reason=_("Link panel"))
        except discord.HTTPException as error:
            await message.delete()
            raise _refusal(error, emoji) from error
        return message, platforms

    @server_group("link_panels", fallback="list", for_admins=True)
    async def link_panels(self, ctx: Context) -> None:
        """Show where this server has link panels, and whether they work."""
        panels = await run_action(ctx, actions.list_panels)
        known = [panel for panel in panels if panel.state != "withdrawn"]
        await answer(ctx, messages.listed(known))

    @link_panels.command(name="remove")
    @app_commands.describe(channel="The panel's channel. Default: this one")
    async def remove(self, ctx: Context, channel: discord.TextChannel | None = None) -> None:
        """Delete a channel's link panel. Existing links stay."""
        where = channel or _text_channel(ctx)
        former = await run_action(ctx, actions.withdraw_panel, where.id)
        await delete_withdrawn_panels(self._services, where.guild, former)
        await answer(ctx, messages.withdrawn(where.id, found=bool(former)))


def _text_channel(ctx: Context) -> discord.TextChannel:
    if isinstance(ctx.channel, discord.TextChannel):
        return ctx.channel
    raise Refusal(
        _("A link panel needs a text channel."), _("Run the command in the channel you want.")
    )


async def _emoji(guild: discord.Guild, typed: str) -> str:
    # Fetched each time, because we do not listen to changes of a server's emojis.
    found = await guild.fetch_emojis() if typed.isascii() else []
    own = {emoji.id: (emoji.name, str(emoji)) for emoji in found if emoji.is_usable()}
    written = read_emoji(typed, own)
    if written is None:
        raise Refusal(
            _("I can't react with that."),
            _("Use one emoji, such as 🔗, or one of this server's own. Default: 🔗."),
        )
    return written


def _refusal(error: discord.HTTPException, emoji: str) -> Exception:
    """The reason why Discord rejected it; the original error if the admin cannot fix it."""
    if error.code == UNKNOWN_EMOJI:
        return Refusal(
            _("{emoji} is not an emoji that Discord knows.").format(emoji=emoji),
            _("Use one emoji, such as 🔗, or one of this server's own."),
        )
    if error.code == TOO_MANY_PINS:
        return Refusal(
            _("This channel has as many pinned messages as Discord allows."),
            _("Unpin one, then try again."),
        )
    if error.code in MISSING:
        return Refusal(
            _("Discord does not let me react or pin here."),
            _("Give my role in this channel: {needed}.").format(needed=permission_names(NEEDED)),
        )
    return error
