"""The names of a channel's feeds, how channels share connections, and which transport to try
next."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from core.kit.errors import backoff

Provider = Literal["centrifugo", "pusher"]

MAX_FEEDS = 120
"""Feeds on one connection. Centrifugo's own default limit is 128 a client."""


def is_terminal(code: int) -> bool:
    """Whether the server asks us not to retry soon: a ban, a bad token, a limit."""
    return 3500 <= code <= 3999 or 4500 <= code <= 4999


def feeds_of(site_channel_id: int | None, chatroom_id: int | None) -> tuple[str, ...]:
    """The feeds of a channel that we use, as far as its ids are known."""
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
        shares: the current state; channels keep their connection.

    Returns:
        One list of channels per connection, at least as many as before.
    """
    kept = [[channel for channel in share if channel in wanted] for share in shares]
    placed = {channel for share in kept for channel in share}
    for channel in sorted(set(wanted) - placed):
        for share in kept:
            if sum(len(wanted[known]) for known in [*share, channel]) <= MAX_FEEDS:
                share.append(channel)
                break
        else:
            kept.append([channel])
    return kept


# -- which transport is tried next --------------------------------------------------------------

Server = Literal[Provider, "configured"]
"""`configured` is the Pusher app of the settings, without asking Kick."""

BLOCKED_SECONDS = (300.0, 600.0, 1200.0, 1800.0)
"""How long a server is not tried after its first, second, … terminal answer."""

NEGOTIABLE: tuple[Provider, ...] = ("centrifugo", "pusher")


Route = tuple[Provider, ...]
"""One attempt: ask Kick, accepting these transports; if empty, use the configured server."""


class RouteSelector:
    """Tries one route after the other while they fail. A server that rejects us terminally is not
    tried for minutes. Times are seconds of a monotonic clock.

    Args:
        has_pusher_key: a Pusher app is configured.
    """

    def __init__(self, *, has_pusher_key: bool) -> None:
        self._has_pusher_key = has_pusher_key
        self._failures = 0
        self._rejections: dict[Server, int] = {}
        self._blocked_until: dict[Server, float] = {}

    def choose(self, now: float) -> Route | None:
        """The server to try next; None while every server is blocked."""
        routes = self._routes(now)
        return routes[self._failures % len(routes)] if routes else None

    def _routes(self, now: float) -> list[Route]:
        available = tuple(name for name in NEGOTIABLE if not self._is_blocked(name, now))
        routes: list[Route] = [available] if available else []
        if len(available) > 1:
            # The transport that Kick does not prefer comes next, in case the preferred one fails.
            routes += [(name,) for name in reversed(available)]
        if self._has_pusher_key and not self._is_blocked("configured", now):
            routes.append(())
        return routes

    def _is_blocked(self, server: Server, now: float) -> bool:
        return self._blocked_until.get(server, now) > now

    def failed(self, server: Server | None, now: float, *, terminal: bool) -> float:
        """A connection failed or ended; returns the seconds to wait before the next attempt.

        Args:
            server: None if none was reached.
            terminal: the server asked us not to retry.
        """
        self._failures += 1
        if terminal and server is not None:
            times = self._rejections[server] = self._rejections.get(server, 0) + 1
            seconds = BLOCKED_SECONDS[min(times, len(BLOCKED_SECONDS)) - 1]
            self._blocked_until[server] = now + seconds * random.uniform(1.0, 1.2)
        if self._routes(now):
            return backoff(self._failures).total_seconds()
        return min(self._blocked_until.values()) - now

    def worked(self, server: Server) -> None:
        """A connection was stable: forget earlier failures."""
        self._failures = 0
        self._rejections.pop(server, None)
        self._blocked_until.pop(server, None)
