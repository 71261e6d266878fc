"""What happens at a panel: somebody reacts, or it is deleted.

Whoever reacts gets a link and loses the reaction, in this order: a reaction that is still there was
not answered, for whatever reason, and is with the next look at the panel. So nothing is lost when
the bot, Discord or the database go away in between.
"""

import asyncio
from contextlib import suppress

import discord
import structlog
from discord.ext import commands, tasks
from limits import RateLimitItem, parse

from core.kit.discord_ui import refusal_card, sent_by_dm
from core.kit.errors import Outage, Refusal
from core.kit.rate import RateLimit
from core.kit.services import Services
from core.outbox.discord_transport import NO_ANSWER
from core.people.linking.buttons import invite_by_dm
from core.people.panels import actions, embeds
from core.people.panels.commands.care import (
    is_with,
    look_at,
    missing_in,
    note_missing,
    reaction_of,
    take_away,
)
from core.people.panels.records import Panel

LOOK_MINUTES = 10
AT_ONCE = 8
"""People who are answered at the same time: a storm must not take all threads of the database."""

SHOWN_SECONDS = 30
"""How long somebody is spoken to openly."""

_ANSWERS = parse("20 per minute")
_WARNINGS = parse("1 per minute")
"""What one person is told; more reactions than that are only taken away."""

_log = structlog.get_logger(__name__)


class PanelReactions(commands.Cog):
    """Reactions and the fate of panels."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limit = RateLimit(services.settings)
        self._busy: set[tuple[int, int]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._guilds: dict[int, discord.Guild] = {}

    async def cog_load(self) -> None:
        self._look_again.start()

    async def cog_unload(self) -> None:
        self._look_again.cancel()

    # -- somebody reacts ------------------------------------------------------------------------

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        member = payload.member
        if member is None or member.bot:
            return
        with suppress(Outage):  # the reaction stays, and so it is answered later
            panel = await self._services.run_as_bot(
                member.guild.id, actions.find_panel, payload.message_id
            )
            if panel is not None and panel.state == "posted" and is_with(panel, payload.emoji):
                await self._answer(member, panel)

    async def _answer(self, member: discord.Member, panel: Panel) -> None:
        """Give a link, once however often they react meanwhile, and take the reaction away."""
        who = (member.guild.id, member.id)
        if who in self._busy:
            return
        self._busy.add(who)
        try:
            async with self._places:
                if self._may(_ANSWERS, member, "answers"):
                    await self._give_link(member, panel)
        except (Outage, *NO_ANSWER) as error:
            _log.info("A reaction waits", reason=str(error), guild_id=member.guild.id)
            return
        finally:
            # Before the reaction goes: a new one that comes in this moment is a new wish.
            self._busy.discard(who)
        await self._take_reaction(member, panel)

    async def _give_link(self, member: discord.Member, panel: Panel) -> None:
        try:
            reached = await invite_by_dm(self._services, member.guild, member)
        except Refusal as refusal:
            if not self._may(_WARNINGS, member, "refusals"):
                return
            reached = await sent_by_dm(member, refusal_card(refusal), discord.ui.View())
        if not reached and self._may(_WARNINGS, member, "openly"):
            await self._speak_openly(member, panel)

    def _may(self, limit: RateLimitItem, member: discord.Member, what: str) -> bool:
        who = (str(member.guild.id), str(member.id))
        return self._limit.allows(limit, "people.panels", what, *who)

    async def _speak_openly(self, member: discord.Member, panel: Panel) -> None:
        channel = member.guild.get_channel(panel.channel_id)
        if isinstance(channel, discord.TextChannel):
            with suppress(discord.Forbidden):  # the health page tells that, see `look_at`
                await channel.send(
                    embeds.use_the_button(member.id),
                    allowed_mentions=discord.AllowedMentions(users=[member]),
                    delete_after=SHOWN_SECONDS,
                )

    async def _take_reaction(self, member: discord.Member, panel: Panel) -> None:
        channel = member.guild.get_channel(panel.channel_id)
        if not isinstance(channel, discord.TextChannel):
            return
        message = channel.get_partial_message(panel.message_id)
        try:
            await message.remove_reaction(reaction_of(panel.emoji), member)
        except discord.NotFound:
            pass
        except discord.Forbidden:
            await note_missing(self._services, panel, missing_in(channel) or ["manage_messages"])
        except NO_ANSWER as error:
            _log.info("A reaction stays", reason=str(error), guild_id=member.guild.id)

    # -- a panel goes ---------------------------------------------------------------------------

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._gone(payload.guild_id, {payload.message_id})

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        await self._gone(payload.guild_id, payload.message_ids)

    async def _gone(self, guild_id: int | None, message_ids: set[int]) -> None:
        if guild_id is None:
            return
        with suppress(Outage):  # the next look at the panels notices
            await self._services.run_as_bot(guild_id, actions.notice_gone, message_ids)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        with suppress(Outage):
            await self._services.run_as_bot(
                channel.guild.id, actions.notice_channel_gone, channel.id
            )

    # -- looking after them ---------------------------------------------------------------------

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """At the start, and after Discord was away: much may have happened meanwhile."""
        self._guilds[guild.id] = guild
        await self._look_after(guild)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        self._guilds[guild.id] = guild
        await self._look_after(guild)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self._guilds.pop(guild.id, None)

    @tasks.loop(minutes=LOOK_MINUTES)
    async def _look_again(self) -> None:
        for guild in list(self._guilds.values()):
            await self._look_after(guild)

    async def _look_after(self, guild: discord.Guild) -> None:
        try:
            panels = await self._services.run_as_bot(guild.id, actions.list_panels)
            withdrawn = [panel for panel in panels if panel.state == "withdrawn"]
            await take_away(self._services, guild, withdrawn)
            for panel in panels:
                if panel.state == "posted":
                    async for member in look_at(self._services, guild, panel):
                        await self._answer(member, panel)
        except Outage as outage:
            _log.info("The panels wait", reason=str(outage), guild_id=guild.id)
