"""Channels: a guild's text channels and the bot's direct messages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.discord import payloads, seed
from sandbox.discord.errors import ApiError, FormErrors, Json
from sandbox.discord.models import (
    DM_CHANNEL,
    MEMBER_OVERWRITE,
    ROLE_OVERWRITE,
    TEXT_CHANNEL,
    Channel,
    Guild,
    Overwrite,
)
from sandbox.discord.permissions import Permission

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord


def direct(discord: FakeDiscord, user_id: int) -> Channel:
    """The DM between the bot and a person, created on first use."""
    if user_id not in discord.users or user_id == discord.bot.id:
        raise ApiError(400, 50033, "Invalid Recipient(s)")
    if user_id not in discord.direct:
        channel_id = seed.direct_channel_id(user_id)
        discord.direct[user_id] = Channel(channel_id, "", kind=DM_CHANNEL, recipient_id=user_id)
    return discord.direct[user_id]


def create(discord: FakeDiscord, guild: Guild, fields: Mapping[str, Any]) -> Channel:
    """A new text channel at the end of the list."""
    _check(fields, needs_name=True)
    channel = Channel(
        discord.ids.next(), "", TEXT_CHANNEL, guild_id=guild.id, position=len(guild.channels)
    )
    _apply(channel, fields)
    guild.channels[channel.id] = channel
    _dispatch(discord, "CHANNEL_CREATE", channel)
    return channel


def update(discord: FakeDiscord, channel: Channel, fields: Mapping[str, Any]) -> None:
    _check(fields, needs_name=False)
    _apply(channel, fields)
    _dispatch(discord, "CHANNEL_UPDATE", channel)


def delete(discord: FakeDiscord, channel: Channel) -> None:
    assert channel.guild_id is not None
    _dispatch(discord, "CHANNEL_DELETE", channel)
    del discord.guild(channel.guild_id).channels[channel.id]


def set_overwrite(
    discord: FakeDiscord, channel: Channel, target_id: int, allow: int, deny: int
) -> None:
    """Set a role's or member's overwrite; both zero removes it."""
    assert channel.guild_id is not None
    is_role = target_id in discord.guild(channel.guild_id).roles
    kind = ROLE_OVERWRITE if is_role else MEMBER_OVERWRITE
    if allow or deny:
        channel.overwrites[target_id] = Overwrite(target_id, kind, allow, deny)
    else:
        channel.overwrites.pop(target_id, None)
    _dispatch(discord, "CHANNEL_UPDATE", channel)


def bot_access(discord: FakeDiscord, channel: Channel) -> str:
    """The bot's access to a channel: "full", "read" or "none"."""
    granted = discord.permissions_in(channel, discord.bot.id)
    if not granted & Permission.VIEW_CHANNEL:
        return "none"
    return "full" if granted & Permission.SEND_MESSAGES else "read"


def set_bot_access(discord: FakeDiscord, channel: Channel, access: str) -> None:
    """Set the bot's own overwrite, as an admin does. Without view, Discord answers 50001; without
    send, 50013."""
    view, send = int(Permission.VIEW_CHANNEL), int(Permission.SEND_MESSAGES)
    allow, deny = {"full": (view | send, 0), "read": (view, send), "none": (0, view)}[access]
    set_overwrite(discord, channel, discord.bot.id, allow, deny)


def _check(fields: Mapping[str, Any], *, needs_name: bool) -> None:
    errors = FormErrors()
    name, topic = fields.get("name"), fields.get("topic")
    if needs_name and not name:
        errors.required(["name"])
    elif name is not None and not 1 <= len(str(name)) <= 100:
        errors.bad_length(["name"], 1, 100)
    if topic is not None and len(str(topic)) > 1_024:
        errors.too_long(["topic"], 1_024)
    if int(fields.get("type") or 0) != TEXT_CHANNEL:
        errors.add(["type"], "BASE_TYPE_CHOICES", "Value must be one of {0}.")
    errors.raise_any()


def _apply(channel: Channel, fields: Mapping[str, Any]) -> None:
    if fields.get("name") is not None:
        channel.name = str(fields["name"]).lower().replace(" ", "-")
    if "topic" in fields:
        channel.topic = fields["topic"]
    if fields.get("position") is not None:
        channel.position = int(fields["position"])
    if fields.get("nsfw") is not None:
        channel.nsfw = bool(fields["nsfw"])
    if fields.get("rate_limit_per_user") is not None:
        channel.slowmode = int(fields["rate_limit_per_user"])
    if fields.get("permission_overwrites") is not None:
        listed = [_overwrite(overwrite) for overwrite in fields["permission_overwrites"]]
        channel.overwrites = {overwrite.target_id: overwrite for overwrite in listed}


def _overwrite(overwrite: Mapping[str, Any]) -> Overwrite:
    allow, deny = int(overwrite.get("allow") or 0), int(overwrite.get("deny") or 0)
    return Overwrite(int(overwrite["id"]), int(overwrite["type"]), allow, deny)


def _dispatch(discord: FakeDiscord, event: str, channel: Channel) -> None:
    """The bot gets events of all channels of a guild, including those it cannot view."""
    assert channel.guild_id is not None
    discord.dispatch_to_guild(event, payloads.channel(discord, channel), channel.guild_id)
    discord.changes.publish("discord.channel", channel_id=str(channel.id))


def start_typing(discord: FakeDiscord, channel: Channel, user_id: int) -> None:
    """Needs Send Messages."""
    discord.require(channel, user_id, Permission.SEND_MESSAGES)
    data: Json = {
        "channel_id": str(channel.id),
        "user_id": str(user_id),
        "timestamp": int(time.time()),
    }
    if channel.guild_id is not None:
        data["guild_id"] = str(channel.guild_id)
        data["member"] = payloads.member(discord, discord.member(channel.guild_id, user_id))
    discord.dispatch_to_channel("TYPING_START", data, channel)
    discord.changes.publish("discord.typing", channel_id=str(channel.id), user_id=str(user_id))
