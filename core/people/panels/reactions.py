"""Answers reactions to panels, and checks that panels work. A member who reacts gets a link, and
then their reaction is removed. A remaining reaction was therefore not answered, and the next check
of the panel finds it, so nothing is lost during outages.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from typing import Any

import discord
import structlog
from discord.ext import commands, tasks
from limits import RateLimitItem, parse

from core.guilds.actions import language_of
from core.guilds.store import CHANNEL_CHANGED
from core.kit.database.work import Work
from core.kit.discord.buttons import ActionButton
from core.kit.discord.ui import (
    missing_in,
    permission_names,
    refusal_card,
    sent_by_dm,
    services_of,
    view_of,
)
from core.kit.errors import Outage, Refusal
from core.kit.runtime.rate import RateLimit
from core.kit.services import Services
from core.kit.text.words import _, speak
from core.outbox.discord_transport import NO_ANSWER
from core.people import store as people
from core.people.linking.discord import StartButton, ask_unlink
from core.people.linking.platforms import list_offered
from core.people.panels import actions, messages
from core.people.panels.records import Panel
from core.people.panels.rules import NEEDED, same_emoji

UNKNOWN_EMOJI = 10014
"""Discord's error code."""

CHECK_MINUTES = 10
MAX_CONCURRENT = 8
"""Concurrent replies: many reactions must not take all database threads."""

SHOWN_SECONDS = 30
"""How long a public hint is shown."""

_ANSWERS = parse("20 per minute")
_WARNINGS = parse("1 per minute")
"""Maximum per person; further reactions are only removed."""

_log = structlog.get_logger(__name__)


class PanelButton(ActionButton, template=r"people:panel:(?P<act>link|twitch|unlink)"):
    """Link sends the member a personal link for Kick or Twitch; Unlink asks for confirmation. The
    replies are private.
    """

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


async def panel_content(
    services: Services, guild: discord.Guild, emoji: str
) -> tuple[str, dict[str, Any]]:
    """The current content of a panel: the platforms that it offers, and the message."""

    def load(work: Work) -> tuple[list[str], str]:
        return [platform.key for platform in list_offered(work, services.settings)], language_of(
            work
        )

    platforms, language = await services.run_as_bot(guild.id, load)
    url = f"{services.settings.public_url}/privacy"
    with speak(language):
        embed = messages.panel(guild.name, emoji, url, platforms)
        return " ".join(platforms), {"embed": embed, "view": panel_buttons(platforms)}


class PanelReactions(commands.Cog):
    """Reactions to panels, and panels that are deleted."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limit = RateLimit(services.settings)
        self._busy: set[tuple[int, int]] = set()
        self._places = asyncio.Semaphore(MAX_CONCURRENT)
        self._guilds: dict[int, discord.Guild] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def cog_load(self) -> None:
        self._check_all.start()
        self._loop = asyncio.get_running_loop()
        for topic in (actions.TOPIC, CHANNEL_CHANGED):
            self._services.bus.subscribe(topic, self._on_message)

    async def cog_unload(self) -> None:
        self._check_all.cancel()
        self._loop = None

    def _on_message(self, message: dict[str, Any]) -> None:
        """Panels were posted or withdrawn on the dashboard, or the server follows a channel of
        another platform; the bus calls it from any thread."""
        guild, loop = self._guilds.get(int(message["guild_id"])), self._loop
        if guild is not None and loop is not None and not loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._check_guild(guild), loop)

    # -- somebody reacts ------------------------------------------------------------------------

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        member = payload.member
        if member is None or member.bot:
            return
        with suppress(Outage):  # the reaction stays, so it is answered later
            panel = await self._services.run_as_bot(
                member.guild.id, Work.find, Panel, payload.message_id
            )
            if panel is not None and panel.state == "posted" and is_with(panel, payload.emoji):
                await self._answer(member, panel)

    async def _answer(self, member: discord.Member, panel: Panel) -> None:
        """Send a link, once for simultaneous reactions, and remove the reaction."""
        who = (member.guild.id, member.id)
        if who in self._busy:
            return
        self._busy.add(who)
        try:
            async with self._places:
                if self._may(_ANSWERS, member, "answers"):
                    await self._give_link(member, panel)
        except (Outage, *NO_ANSWER) as error:
            _log.info("Answering a reaction failed", reason=str(error), guild_id=member.guild.id)
            return
        finally:
            # Before the reaction is removed: a later one is a new request.
            self._busy.discard(who)
        await self._remove_reaction(member, panel)

    async def _give_link(self, member: discord.Member, panel: Panel) -> None:
        try:
            reached = await StartButton().give_by_dm(self._services, member.guild, member)
        except Refusal as refusal:
            if not self._may(_WARNINGS, member, "refusals"):
                return
            reached = await sent_by_dm(member, embed=refusal_card(refusal))
        if not reached and self._may(_WARNINGS, member, "openly"):
            await self._reply_in_channel(member, panel)

    def _may(self, limit: RateLimitItem, member: discord.Member, what: str) -> bool:
        who = (str(member.guild.id), str(member.id))
        return self._limit.allows(limit, "people.panels", what, *who)

    async def _reply_in_channel(self, member: discord.Member, panel: Panel) -> None:
        channel = member.guild.get_channel(panel.channel_id)
        if isinstance(channel, discord.TextChannel):
            with suppress(discord.Forbidden):  # shown on the health page, see `check_panel`
                await channel.send(
                    messages.use_the_button(member.id),
                    allowed_mentions=discord.AllowedMentions(users=[member]),
                    delete_after=SHOWN_SECONDS,
                )

    async def _remove_reaction(self, member: discord.Member, panel: Panel) -> None:
        channel = member.guild.get_channel(panel.channel_id)
        if not isinstance(channel, discord.TextChannel):
            return
        message = channel.get_partial_message(panel.message_id)
        try:
            await message.remove_reaction(reaction_of(panel.emoji), member)
        except discord.NotFound:
            pass
        except discord.Forbidden:
            await set_missing(
                self._services,
                panel,
                missing_in(channel, channel.guild.me, NEEDED) or ["manage_messages"],
            )
        except NO_ANSWER as error:
            _log.info("Removing a reaction failed", reason=str(error), guild_id=member.guild.id)

    # -- a panel is deleted ---------------------------------------------------------------------

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._gone(payload.guild_id, {payload.message_id})

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        await self._gone(payload.guild_id, payload.message_ids)

    async def _gone(self, guild_id: int | None, message_ids: set[int]) -> None:
        if guild_id is None:
            return
        with suppress(Outage):  # the next check detects this
            await self._services.run_as_bot(guild_id, actions.record_gone, message_ids)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        with suppress(Outage):
            await self._services.run_as_bot(
                channel.guild.id, actions.record_channel_gone, channel.id
            )

    # -- regular checks -------------------------------------------------------------------------

    @commands.Cog.listener("on_guild_available")
    @commands.Cog.listener("on_guild_join")
    async def meet(self, guild: discord.Guild) -> None:
        """Called at the start and after an outage of Discord, because events may have been
        missed."""
        self._guilds[guild.id] = guild
        await self._check_guild(guild)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self._guilds.pop(guild.id, None)

    @tasks.loop(minutes=CHECK_MINUTES)
    async def _check_all(self) -> None:
        for guild in list(self._guilds.values()):
            await self._check_guild(guild)

    async def _check_guild(self, guild: discord.Guild) -> None:
        try:
            panels = await self._services.run_as_bot(guild.id, actions.list_panels)
            withdrawn = [panel for panel in panels if panel.state == "withdrawn"]
            await delete_withdrawn_panels(self._services, guild, withdrawn)
            for panel in panels:
                if panel.state == "posted":
                    async for member in check_panel(self._services, guild, panel):
                        await self._answer(member, panel)
        except Outage as outage:
            _log.info("Checking link panels failed", reason=str(outage), guild_id=guild.id)


async def delete_withdrawn_panels(
    services: Services, guild: discord.Guild, withdrawn: Iterable[Panel]
) -> None:
    """Delete the messages of withdrawn panels. The next check retries failures."""
    for panel in withdrawn:
        channel = guild.get_channel(panel.channel_id)
        if isinstance(channel, discord.TextChannel):
            try:
                await channel.get_partial_message(panel.message_id).delete()
            except discord.NotFound:
                pass
            except NO_ANSWER as error:
                _log.info("Deleting a link panel failed", reason=str(error), guild_id=guild.id)
                continue
        await services.run_as_bot(guild.id, actions.delete_withdrawn, panel.message_id)


async def check_panel(
    services: Services, guild: discord.Guild, panel: Panel
) -> AsyncIterator[discord.Member]:
    """Check whether a posted panel can work; yields members whose reaction was not answered."""
    channel = guild.get_channel(panel.channel_id)
    if not isinstance(channel, discord.TextChannel):
        await _set_gone(services, panel)
        return
    missing = missing_in(channel, channel.guild.me, NEEDED)
    await set_missing(services, panel, missing)
    if {"view_channel", "read_message_history"} & set(missing):
        return
    try:
        message = await channel.fetch_message(panel.message_id)
        await _redraw(services, guild, panel, message)
        async for member in _unanswered(guild, panel, message):
            yield member
    except discord.NotFound:
        await _set_gone(services, panel)
    except NO_ANSWER as error:
        if getattr(error, "code", None) == UNKNOWN_EMOJI:
            trouble = _("{emoji} no longer exists. Post the panel again with another emoji.")
            await _set_trouble(services, panel, trouble.format(emoji=panel.emoji))
        _log.info("Checking a link panel failed", reason=str(error), guild_id=guild.id)


async def _redraw(
    services: Services, guild: discord.Guild, panel: Panel, message: discord.Message
) -> None:
    """Edit a panel whose platforms differ from the server's current ones."""
    platforms, content = await panel_content(services, guild, panel.emoji)
    if platforms != panel.platforms:
        await message.edit(**content)
        await services.run_as_bot(guild.id, actions.set_platforms, panel.message_id, platforms)


async def _unanswered(
    guild: discord.Guild, panel: Panel, message: discord.Message
) -> AsyncIterator[discord.Member]:
    ours = [reaction for reaction in message.reactions if is_with(panel, reaction.emoji)]
    if not any(our.me for our in ours):
        await message.add_reaction(reaction_of(panel.emoji))
        if not message.pinned:
            with suppress(discord.HTTPException):  # a channel has a limited number of pins
                await message.pin(reason=_("Link panel"))
    for reaction in ours:
        async for user in reaction.users():
            member = guild.get_member(user.id)
            if member is not None and not member.bot:
                yield member


def reaction_of(emoji: str) -> discord.PartialEmoji:
    """The emoji in the format of Discord's API, which differs from that of messages."""
    return discord.PartialEmoji.from_str(emoji)


def is_with(panel: Panel, emoji: discord.PartialEmoji | discord.Emoji | str) -> bool:
    if isinstance(emoji, str):
        return same_emoji(panel.emoji, None, emoji)
    return same_emoji(panel.emoji, emoji.id, emoji.name)


async def set_missing(services: Services, panel: Panel, missing: Sequence[str]) -> None:
    """Store which permissions the bot lacks in the panel's channel."""
    trouble = _("I'm missing permissions. Give my role these permissions there: {needed}.")
    needed = permission_names(missing)
    await _set_trouble(services, panel, trouble.format(needed=needed) if missing else None)


async def _set_trouble(services: Services, panel: Panel, trouble: str | None) -> None:
    await services.run_as_bot(panel.guild_id, actions.set_trouble, panel.message_id, trouble)


async def _set_gone(services: Services, panel: Panel) -> None:
    await services.run_as_bot(panel.guild_id, actions.record_gone, [panel.message_id])
