"""REST: channels, overwrites, pins, typing."""

from __future__ import annotations

from datetime import datetime

from sandbox.discord import channels, message_payloads, messages, payloads
from sandbox.discord.errors import ApiError, Json, missing_permissions, unknown
from sandbox.discord.ids import iso
from sandbox.discord.models import Channel, Message
from sandbox.discord.permissions import Permission
from sandbox.discord.rest import Call, Endpoint, Reply, snowflake

MAX_PINS_PER_PAGE = 50


def channel(call: Call) -> Reply:
    return payloads.channel(call.discord, call.channel())


def list_channels(call: Call) -> Reply:
    return [payloads.channel(call.discord, c) for c in call.guild().channels.values()]


def create_channel(call: Call) -> tuple[int, Reply]:
    guild = call.guild()
    call.discord.require_in_guild(guild, call.discord.bot.id, Permission.MANAGE_CHANNELS)
    created = channels.create(call.discord, guild, call.body)
    return 201, payloads.channel(call.discord, created)


def edit_channel(call: Call) -> Reply:
    found = _guild_channel(call, Permission.MANAGE_CHANNELS)
    channels.update(call.discord, found, call.body)
    return payloads.channel(call.discord, found)


def delete_channel(call: Call) -> Reply:
    found = _guild_channel(call, Permission.MANAGE_CHANNELS)
    gone = payloads.channel(call.discord, found)
    channels.delete(call.discord, found)
    return gone


def move_channels(call: Call) -> None:
    guild = call.guild()
    call.discord.require_in_guild(guild, call.discord.bot.id, Permission.MANAGE_CHANNELS)
    for entry in call.listed:
        channel_id = snowflake(entry.get("id"), "id")
        if channel_id not in guild.channels:
            raise unknown("Channel")
        channels.update(call.discord, guild.channels[channel_id], {"position": entry["position"]})


def put_overwrite(call: Call) -> None:
    found = _guild_channel(call, Permission.MANAGE_ROLES)
    allow, deny = (int(call.body.get(key) or 0) for key in ("allow", "deny"))
    channels.set_overwrite(call.discord, found, call.id("target_id"), allow, deny)


def delete_overwrite(call: Call) -> None:
    found = _guild_channel(call, Permission.MANAGE_ROLES)
    if call.id("target_id") not in found.overwrites:
        raise unknown("Permission overwrite")
    channels.set_overwrite(call.discord, found, call.id("target_id"), 0, 0)


def _guild_channel(call: Call, needed: Permission) -> Channel:
    found = call.channel()
    if found.guild_id is None:
        raise ApiError(403, 50003, "Cannot execute action on a DM channel")
    call.require(found, needed)
    return found


def typing(call: Call) -> None:
    channels.start_typing(call.discord, call.channel(), call.discord.bot.id)


# -- pins ----------------------------------------------------------------------------------------


def list_pins(call: Call) -> Reply:
    """`{"items": [{"pinned_at", "message"}], "has_more"}`, newest first, paged by `before`."""
    found = _readable(call)
    limit = call.int_query("limit", MAX_PINS_PER_PAGE, 1, MAX_PINS_PER_PAGE)
    pinned = found.pins()
    if before := call.query.get("before"):
        limit_at = datetime.fromisoformat(before)
        pinned = [m for m in pinned if m.pinned_at is not None and m.pinned_at < limit_at]
    items = [_pin(call, m) for m in pinned[:limit]]
    return {"items": items, "has_more": len(pinned) > limit}


def _pin(call: Call, message: Message) -> Json:
    shown = message_payloads.message(call.discord, message)
    return {"pinned_at": iso(message.pinned_at), "message": shown}


def list_pins_before_2025(call: Call) -> Reply:
    """The old route: all pins as a plain list."""
    return [message_payloads.message(call.discord, m) for m in _readable(call).pins()]


def pin(call: Call) -> None:
    messages.pin(call.discord, _pinnable(call), call.discord.bot.id)


def unpin(call: Call) -> None:
    messages.unpin(call.discord, _pinnable(call))


def _readable(call: Call) -> Channel:
    found = call.channel()
    call.require(found, Permission.READ_MESSAGE_HISTORY)
    return found


def _pinnable(call: Call) -> Message:
    """Pin Messages is its own permission since 2025."""
    found = call.channel()
    if not call.discord.permissions_in(found, call.discord.bot.id) & Permission.PIN_MESSAGES:
        raise missing_permissions()
    return call.message()


ENDPOINTS = (
    Endpoint("GET", "/guilds/{guild_id}/channels", list_channels),
    Endpoint("POST", "/guilds/{guild_id}/channels", create_channel),
    Endpoint("PATCH", "/guilds/{guild_id}/channels", move_channels),
    Endpoint("GET", "/channels/{channel_id}", channel),
    Endpoint("PATCH", "/channels/{channel_id}", edit_channel),
    Endpoint("DELETE", "/channels/{channel_id}", delete_channel),
    Endpoint("PUT", "/channels/{channel_id}/permissions/{target_id}", put_overwrite),
    Endpoint("DELETE", "/channels/{channel_id}/permissions/{target_id}", delete_overwrite),
    Endpoint("POST", "/channels/{channel_id}/typing", typing),
    Endpoint("GET", "/channels/{channel_id}/messages/pins", list_pins),
    Endpoint("PUT", "/channels/{channel_id}/messages/pins/{message_id}", pin),
    Endpoint("DELETE", "/channels/{channel_id}/messages/pins/{message_id}", unpin),
    Endpoint("GET", "/channels/{channel_id}/pins", list_pins_before_2025),
    Endpoint("PUT", "/channels/{channel_id}/pins/{message_id}", pin),
    Endpoint("DELETE", "/channels/{channel_id}/pins/{message_id}", unpin),
)
