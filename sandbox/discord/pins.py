"""Pinned messages of a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.discord import messages
from sandbox.discord.errors import ApiError, Json
from sandbox.discord.ids import iso, utc_now
from sandbox.discord.models import Channel, Message, MessageType

if TYPE_CHECKING:
    from sandbox.discord.world import DiscordWorld

MAX_PINS = 250


def pin(world: DiscordWorld, message: Message, user_id: int) -> None:
    """Pin, and leave the system message that says so. Pinning twice changes nothing."""
    channel = world.channel(message.channel_id)
    if message.pinned_at is not None:
        return
    if len(channel.pins()) >= MAX_PINS:
        raise ApiError(400, 30003, f"Maximum number of pins reached for the channel ({MAX_PINS})")
    message.pinned_at = channel.last_pin_at = utc_now()
    _tell(world, channel, message)
    notice = Message(
        id=world.ids.next(),
        channel_id=channel.id,
        author_id=user_id,
        content="",
        at=utc_now(),
        kind=MessageType.PINS_ADD,
        reference=messages.reference_to(channel, message.id),
    )
    messages.add(world, notice)


def unpin(world: DiscordWorld, message: Message) -> None:
    channel = world.channel(message.channel_id)
    if message.pinned_at is None:
        return
    message.pinned_at = None
    _tell(world, channel, message)


def _tell(world: DiscordWorld, channel: Channel, message: Message) -> None:
    messages.tell_update(world, message)
    data: Json = {"channel_id": str(channel.id), "last_pin_timestamp": iso(channel.last_pin_at)}
    if channel.guild_id is not None:
        data["guild_id"] = str(channel.guild_id)
    world.tell_channel("CHANNEL_PINS_UPDATE", data, channel)
