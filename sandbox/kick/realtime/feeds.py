"""The feeds of a channel and what is sent on them (facts, section 7.5).

Feeds are named after the chatroom id or the channel id, which are different numbers.
"""

import re
from dataclasses import dataclass
from typing import Any

from sandbox.kick.models import Channel

PUBLIC_FEED = re.compile(r"chatrooms\.\d+(\.v2)?|chatroom_\d+|channel[._]\d+")


@dataclass(frozen=True)
class FeedEvent:
    """One event on one feed; ``data`` is what the transports encode, any JSON value."""

    feed: str
    name: str
    data: Any


def is_public(feed: str) -> bool:
    """Whether guests may listen to it. ``private-...`` feeds need a user's session.

    Kick's answer for numbers that belong to nobody is unknown; here such feeds stay silent.
    """
    return PUBLIC_FEED.fullmatch(feed) is not None


def chat_feed(channel: Channel) -> str:
    """Chat, deletions, bans, subscriptions, hosts that arrive."""
    return f"chatrooms.{channel.chatroom_id}.v2"


def old_chat_feed(channel: Channel) -> str:
    """Hosts a second time."""
    return f"chatrooms.{channel.chatroom_id}"


def chatroom_feed(channel: Channel) -> str:
    """Gifted subscriptions, redemptions, notices."""
    return f"chatroom_{channel.chatroom_id}"


def stream_feed(channel: Channel) -> str:
    """Streams that begin and end."""
    return f"channel.{channel.channel_id}"


def channel_feed(channel: Channel) -> str:
    """Kicks, leaderboards, and the siblings of subscriptions."""
    return f"channel_{channel.channel_id}"
