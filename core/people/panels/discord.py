"""`/setup_link_panel`, `/link_panels`, and the buttons of panels."""

from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from core.guilds.actions import language_of
from core.kit.discord_buttons import ActionButton
from core.kit.discord_ui import (
    SILENT,
    answer,
    permission_names,
    require_permissions,
    run_action,
    server_command,
    server_group,
    services_of,
    view_of,
)
from core.kit.errors import Refusal
from core.kit.records import ChannelId, MemberId, MessageId
from core.kit.services import Services
from core.kit.words import _, speak
from core.outbox.discord_transport import Rendered
from core.people import store as people
from core.people.linking.discord import StartButton, ask_unlink
from core.people.linking.platforms import list_offered
from core.people.panels import actions, messages
from core.people.panels.reactions import (
    UNKNOWN_EMOJI,
    delete_withdrawn_panels,
    reaction_of,
)
from core.people.panels.records import Panel
from core.people.panels.rules import DEFAULT_EMOJI, NEEDED, read_emoji

Context = commands.Context[commands.Bot]

TOO_MANY_PINS = 30003
MISSING = (50001, 50013)
"""Discord's codes."""


class PanelButton(ActionButton, template=r"people:panel:(?P<act>link|twitch|unlink)"):
    """Link sends whoever presses it a link of their own, to Kick or to Twitch, Unlink asks first.
    Nobody else sees the replies."""

    shows_result = True

    def __init__(self, act: str) -> None:
        label, style = {
            "link": (_("Link Kick"), discord.ButtonStyle.primary),
            "twitch": (_("Link Twitch"), discord.ButtonStyle.primary),
            "unlink": (_("Unlink"), discord.ButtonStyle.secondary),
        }[act]
        custom_id = f"people:panel:{act}"
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))
        self.act = act

    async def press(self, interaction: discord.Interaction) -> None:
        services, guild, member = services_of(interaction), interaction.guild, interaction.user
        if guild is None:
            raise Refusal(_("This works in a server only."))
        if self.act == "unlink":
            links = await services.run_as_bot(guild.id, people.list_links, member.id)
            given = ask_unlink(member.id, links)
        else:
            platform = "kick" if self.act == "link" else self.act
            given = await StartButton(platform).give_privately(services, guild, member)
        await interaction.followup.send(**given, ephemeral=True)


def panel_buttons(platforms: Sequence[str]) -> discord.ui.View:
    """The buttons below a panel. Needs a running event loop."""
    acts = ["link" if platform == "kick" else platform for platform in platforms]
    return view_of(*(PanelButton(act) for act in (*acts, "unlink")))


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
    @app_commands.describe(emoji="For the reaction: any emoji, also one of this server's own")
    async def setup_link_panel(self, ctx: Context, *, emoji: str = DEFAULT_EMOJI) -> None:
        """Post and pin a panel in this channel with which members link their accounts."""
        channel = _text_channel(ctx)
        written = await _emoji(channel.guild, emoji)
        require_permissions(channel, channel.guild.me, NEEDED)
        message = await self._post(channel, written)
        panel = Panel(
            message_id=MessageId(message.id),
            channel_id=ChannelId(channel.id),
            channel_name=channel.name,
            emoji=written,
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

    async def _post(self, channel: discord.TextChannel, emoji: str) -> discord.Message:
        """The message with its reaction, pinned. Raises Refusal if Discord rejected it; nothing
        stays posted."""
        language = await self._services.run_as_bot(channel.guild.id, language_of)
        settings = self._services.settings
        offered = await self._services.run_as_bot(channel.guild.id, list_offered, settings)
        platforms, url = [one.key for one in offered], f"{settings.public_url}/privacy"
        with speak(language):
            embed = messages.panel(channel.guild.name, emoji, url, platforms)
            view = panel_buttons(platforms)
        message = await channel.send(embed=embed, view=view, allowed_mentions=SILENT)
        try:
            await message.add_reaction(reaction_of(emoji))
            await message.pin(reason=_("Link panel"))
        except discord.HTTPException as error:
            await message.delete()
            raise _refusal(error, emoji) from error
        return message

    @server_group("link_panels", fallback="list", for_admins=True)
    async def link_panels(self, ctx: Context) -> None:
        """Show where this server has link panels, and whether they can do their work."""
        panels = await run_action(ctx, actions.list_panels)
        known = [panel for panel in panels if panel.state != "withdrawn"]
        await answer(ctx, messages.listed(known))

    @link_panels.command(name="remove")
    @app_commands.describe(channel="Whose panel; this channel's if empty")
    async def remove(self, ctx: Context, channel: discord.TextChannel | None = None) -> None:
        """Delete a channel's link panel. Links that were made stay."""
        where = channel or _text_channel(ctx)
        former = await run_action(ctx, actions.withdraw_panel, where.id)
        await delete_withdrawn_panels(self._services, where.guild, former)
        await answer(ctx, messages.withdrawn(where.id, found=bool(former)))


def _text_channel(ctx: Context) -> discord.TextChannel:
    if isinstance(ctx.channel, discord.TextChannel):
        return ctx.channel
    raise Refusal(
        _("A link panel needs a text channel."), _("Run the command in the one you want.")
    )


async def _emoji(guild: discord.Guild, typed: str) -> str:
    # Asked each time: we do not listen to changes of a server's emojis.
    found = await guild.fetch_emojis() if typed.isascii() else []
    own = {one.id: (one.name, str(one)) for one in found if one.is_usable()}
    written = read_emoji(typed, own)
    if written is None:
        raise Refusal(
            _("I cannot react with that."),
            _("Give me one emoji, such as 🔗, or one of this server's own. None means 🔗."),
        )
    return written


def _refusal(error: discord.HTTPException, emoji: str) -> Exception:
    """Why Discord rejected it; the error itself if the admin can do nothing about it."""
    if error.code == UNKNOWN_EMOJI:
        return Refusal(
            _("Discord does not know {emoji} as an emoji.").format(emoji=emoji),
            _("Give me one emoji, such as 🔗, or one of this server's own."),
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
