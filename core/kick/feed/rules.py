"""What a channel's feeds are called, and how channels share connections. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

Provider = Literal["centrifugo", "pusher"]

MOST_FEEDS = 120
"""Feeds on one connection. Centrifugo's own default limit is 128 a client."""


def is_terminal(code: int) -> bool:
    """Whether the server said not to come back soon: a ban, a bad token, a limit."""
    return 3500 <= code <= 3999 or 4500 <= code <= 4999


def feeds_of(site_channel_id: int | None, chatroom_id: int | None) -> tuple[str, ...]:
    """The feeds of a channel that carry what we use, as far as its numbers are known."""
    feeds: list[str] = []
    if chatroom_id is not None:
        feeds += [f"chatrooms.{chatroom_id}.v2", f"chatroom_{chatroom_id}"]
    if site_channel_id is not None:
        feeds += [f"channel.{site_channel_id}", f"channel_{site_channel_id}"]
    return tuple(feeds)


def share_out(
    wanted: Mapping[int, Sequence[str]], shares: Iterable[Iterable[int]]
) -> list[list[int]]:
    """Which channel is on which connection.

    Args:
        wanted: channel -> its feeds.
        shares: how it was; channels stay where they are, so that no connection is disturbed.

    Returns:
        One list of channels a connection, as many as before or more.
    """
    kept = [[channel for channel in share if channel in wanted] for share in shares]
    placed = {channel for share in kept for channel in share}
    for channel in sorted(set(wanted) - placed):
        for share in kept:
            if sum(len(wanted[each]) for each in [*share, channel]) <= MOST_FEEDS:
                share.append(channel)
                break
        else:
            kept.append([channel])
    return kept
