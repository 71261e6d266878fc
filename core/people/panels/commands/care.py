"""Looking after panels: deleting withdrawn ones, noticing those that are gone or cannot work, and
what was missed while the bot was away."""

from collections.abc import AsyncIterator, Iterable

import discord
import structlog

from core.kit.discord_ui import permission_names
from core.kit.services import Services
from core.kit.words import _
from core.outbox.discord_transport import NO_ANSWER
from core.people.panels import actions, rules
from core.people.panels.records import Panel

UNKNOWN_EMOJI = 10014
"""Discord's code."""

_log = structlog.get_logger(__name__)


def missing_in(channel: discord.TextChannel) -> list[str]:
    """What the bot is not allowed in the channel, of what a panel needs."""
    held = channel.permissions_for(channel.guild.me)
    return [name for name in rules.NEEDED if not getattr(held, name)]


async def take_away(services: Services, guild: discord.Guild, withdrawn: Iterable[Panel]) -> None:
    """Delete the messages of withdrawn panels. What cannot be deleted waits for the next look."""
    for panel in withdrawn:
        channel = guild.get_channel(panel.channel_id)
        if isinstance(channel, discord.TextChannel):
            try:
                await channel.get_partial_message(panel.message_id).delete()
            except discord.NotFound:
                pass
            except NO_ANSWER as error:
                _log.info("A panel cannot be deleted", reason=str(error), guild_id=guild.id)
                continue
        await services.run_as_bot(guild.id, actions.delete_withdrawn, panel.message_id)


async def look_at(
    services: Services, guild: discord.Guild, panel: Panel
) -> AsyncIterator[discord.Member]:
    """See whether a posted panel can work; yields those whose reaction nobody has answered."""
    channel = guild.get_channel(panel.channel_id)
    if not isinstance(channel, discord.TextChannel):
        await _note_gone(services, panel)
        return
    missing = missing_in(channel)
    await note_missing(services, panel, missing)
    if {"view_channel", "read_message_history"} & set(missing):
        return
    try:
        message = await channel.fetch_message(panel.message_id)
        async for member in _unanswered(guild, panel, message):
            yield member
    except discord.NotFound:
        await _note_gone(services, panel)
    except NO_ANSWER as error:
        if getattr(error, "code", None) == UNKNOWN_EMOJI:
            trouble = _("{emoji} does not exist any more. Post it again with another emoji.")
            await _note_trouble(services, panel, trouble.format(emoji=panel.emoji))
        _log.info("A panel cannot be looked at", reason=str(error), guild_id=guild.id)


async def _unanswered(
    guild: discord.Guild, panel: Panel, message: discord.Message
) -> AsyncIterator[discord.Member]:
    ours = [one for one in message.reactions if is_with(panel, one.emoji)]
    if not any(one.me for one in ours):
        await message.add_reaction(reaction_of(panel.emoji))
    for reaction in ours:
        async for user in reaction.users():
            member = guild.get_member(user.id)
            if member is not None and not member.bot:
                yield member


def reaction_of(emoji: str) -> discord.PartialEmoji:
    """What to react with: as it is written in a message, Discord would not take it."""
    return discord.PartialEmoji.from_str(emoji)


def is_with(panel: Panel, emoji: discord.PartialEmoji | discord.Emoji | str) -> bool:
    """Whether a reaction is with the panel's emoji."""
    if isinstance(emoji, str):
        return rules.same_emoji(panel.emoji, None, emoji)
    return rules.same_emoji(panel.emoji, emoji.id, emoji.name)


async def note_missing(services: Services, panel: Panel, missing: Iterable[str]) -> None:
    """What the bot is not allowed where the panel stands; nothing is fine."""
    names = list(missing)
    trouble = None
    if names:
        trouble = _("I am not allowed everything it needs. Give my role there: {needed}.").format(
            needed=permission_names(names)
        )
    await _note_trouble(services, panel, trouble)


async def _note_trouble(services: Services, panel: Panel, trouble: str | None) -> None:
    await services.run_as_bot(panel.guild_id, actions.set_trouble, panel.message_id, trouble)


async def _note_gone(services: Services, panel: Panel) -> None:
    await services.run_as_bot(panel.guild_id, actions.notice_gone, [panel.message_id])
