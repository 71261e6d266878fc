"""The feeds of a channel (facts, section 7.5), named after the chatroom id or the channel id."""

import re
from dataclasses import dataclass
from typing import Any

from sandbox.kick.models import Channel

PUBLIC_FEED = re.compile(r"chatrooms\.\d+(\.v2)?|chatroom_\d+|channel[._]\d+")


@dataclass(frozen=True)
class FeedEvent:
    """One event on one feed; ``data`` is any JSON value."""

    feed: str
    name: str
    data: Any


def is_public(feed: str) -> bool:
    """Guests may subscribe; ``private-...`` feeds need a session. Unknown numbers are accepted
    (guess)."""
    return PUBLIC_FEED.fullmatch(feed) is not None


def chat_feed(channel: Channel) -> str:
    """Chat, deletions, bans, subscriptions, hosts that arrive."""
    return f"chatrooms.{channel.chatroom_id}.v2"


def old_chat_feed(channel: Channel) -> str:
    """Hosts, a second time."""
    return f"chatrooms.{channel.chatroom_id}"


def chatroom_feed(channel: Channel) -> str:
    """Gifted subscriptions, redemptions, notices."""
    return f"chatroom_{channel.chatroom_id}"


def stream_feed(channel: Channel) -> str:
    """Start and end of streams."""
    return f"channel.{channel.channel_id}"


def channel_feed(channel: Channel) -> str:
    """Kicks, leaderboards, and the related events of subscriptions."""
    return f"channel_{channel.channel_id}"
