"""Reactions to messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.discord import payloads
from sandbox.discord.errors import ApiError, Json, unknown
from sandbox.discord.models import Channel, Message, Reaction
from sandbox.discord.permissions import Permission

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord

MAX_KINDS = 20
_CUSTOM = re.compile(r"^(?:<a?:)?(?P<name>\w{2,32}):(?P<id>\d{15,20})>?$")
_PLAIN_TEXT = re.compile(r"[\w\s]*", re.ASCII)


def find(discord: FakeDiscord, message: Message, emoji: str) -> Reaction:
    """The reaction for `👍` or `name:id`, empty if nobody used it yet; 10014 for an unknown
    emoji."""
    custom = _CUSTOM.match(emoji)
    if custom is None:
        if not emoji or _PLAIN_TEXT.fullmatch(emoji):
            raise unknown("Emoji")
        return message.reactions.get(emoji) or Reaction(None, emoji)
    emoji_id = int(custom["id"])
    known = next(
        (g.emojis[emoji_id] for g in discord.guilds.values() if emoji_id in g.emojis), None
    )
    if known is None:
        raise unknown("Emoji")
    return message.reactions.get(_key(Reaction(emoji_id, ""))) or Reaction(emoji_id, known.name)


def _key(reaction: Reaction) -> str:
    return reaction.emoji_name if reaction.emoji_id is None else str(reaction.emoji_id)


def add(discord: FakeDiscord, message: Message, user_id: int, emoji: str) -> None:
    """A second time changes nothing. Errors: 10014, 30010, 50001, 50013."""
    channel = discord.channel(message.channel_id)
    reaction = find(discord, message, emoji)
    discord.require(channel, user_id, Permission.READ_MESSAGE_HISTORY)
    if _key(reaction) not in message.reactions:
        discord.require(channel, user_id, Permission.ADD_REACTIONS)
        if len(message.reactions) >= MAX_KINDS:
            raise ApiError(400, 30010, f"Maximum number of reactions reached ({MAX_KINDS})")
    if user_id in reaction.user_ids:
        return
    message.reactions[_key(reaction)] = reaction
    reaction.user_ids.append(user_id)
    data = _event(channel, message, reaction, user_id) | {
        "message_author_id": str(message.author_id),
        "burst_colors": [],
    }
    if channel.guild_id is not None:
        member = discord.member(channel.guild_id, user_id)
        data["member"] = payloads.member(discord, member)
    _dispatch(discord, "MESSAGE_REACTION_ADD", data, channel, message)


def remove(discord: FakeDiscord, message: Message, user_id: int, emoji: str) -> None:
    """Removing a missing reaction is no error, as on Discord."""
    channel = discord.channel(message.channel_id)
    reaction = find(discord, message, emoji)
    if user_id not in reaction.user_ids:
        return
    reaction.user_ids.remove(user_id)
    if not reaction.user_ids:
        del message.reactions[_key(reaction)]
    data = _event(channel, message, reaction, user_id)
    _dispatch(discord, "MESSAGE_REACTION_REMOVE", data, channel, message)


def clear(discord: FakeDiscord, message: Message) -> None:
    channel = discord.channel(message.channel_id)
    message.reactions.clear()
    _dispatch(discord, "MESSAGE_REACTION_REMOVE_ALL", _where(channel, message), channel, message)


def clear_emoji(discord: FakeDiscord, message: Message, emoji: str) -> None:
    channel = discord.channel(message.channel_id)
    reaction = find(discord, message, emoji)
    message.reactions.pop(_key(reaction), None)
    data = _where(channel, message) | {"emoji": reaction.emoji}
    _dispatch(discord, "MESSAGE_REACTION_REMOVE_EMOJI", data, channel, message)


def _where(channel: Channel, message: Message) -> Json:
    data: Json = {"channel_id": str(channel.id), "message_id": str(message.id)}
    return data if channel.guild_id is None else data | {"guild_id": str(channel.guild_id)}


def _event(channel: Channel, message: Message, reaction: Reaction, user_id: int) -> Json:
    return _where(channel, message) | {
        "user_id": str(user_id),
        "emoji": reaction.emoji,
        "burst": False,
        "type": 0,
    }


def _dispatch(
    discord: FakeDiscord, event: str, data: Json, channel: Channel, message: Message
) -> None:
    discord.dispatch_to_channel(event, data, channel)
    discord.changes.publish(
        "discord.reaction", channel_id=str(channel.id), message_id=str(message.id)
    )
