"""What a channel's feeds are called, how channels share connections, and which transport is tried
next."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from core.kit.errors import backoff

Provider = Literal["centrifugo", "pusher"]

MAX_FEEDS = 120
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
            if sum(len(wanted[each]) for each in [*share, channel]) <= MAX_FEEDS:
                share.append(channel)
                break
        else:
            kept.append([channel])
    return kept


# -- which transport is tried next --------------------------------------------------------------

Server = Literal[Provider, "configured"]
"""`configured` is the Pusher app of the settings, without asking Kick."""

STAY_AWAY_SECONDS = (300.0, 600.0, 1200.0, 1800.0)
"""After being sent away for good once, and then again."""

NEGOTIABLE: tuple[Provider, ...] = ("centrifugo", "pusher")


Route = tuple[Provider, ...]
"""One try: ask Kick, accepting these transports; without any, use the configured server."""


class RouteSelector:
    """Tries one route after the other while they fail. A server that sends us away for good is
    left alone for minutes. Instants are seconds of a steady clock.

    Args:
        has_pusher_key: a Pusher app is configured.
    """

    def __init__(self, *, has_pusher_key: bool) -> None:
        self._has_pusher_key = has_pusher_key
        self._failures = 0
        self._times_sent_away: dict[Server, int] = {}
        self._blocked_until: dict[Server, float] = {}

    def choose(self, now: float) -> Route | None:
        """What to try now; None while every server has sent us away."""
        routes = self._routes(now)
        return routes[self._failures % len(routes)] if routes else None

    def _routes(self, now: float) -> list[Route]:
        welcome = tuple(each for each in NEGOTIABLE if not self._is_blocked(each, now))
        routes: list[Route] = [welcome] if welcome else []
        if len(welcome) > 1:
            # The transport that Kick does not prefer comes next, in case the preferred one fails.
            routes += [(each,) for each in reversed(welcome)]
        if self._has_pusher_key and not self._is_blocked("configured", now):
            routes.append(())
        return routes

    def _is_blocked(self, server: Server, now: float) -> bool:
        return self._blocked_until.get(server, now) > now

    def failed(self, server: Server | None, now: float, *, terminal: bool) -> float:
        """It did not work, or no longer does; seconds to wait before the next try.

        Args:
            server: None if it did not come to that.
            terminal: that server sent us away for good.
        """
        self._failures += 1
        if terminal and server is not None:
            times = self._times_sent_away[server] = self._times_sent_away.get(server, 0) + 1
            seconds = STAY_AWAY_SECONDS[min(times, len(STAY_AWAY_SECONDS)) - 1]
            self._blocked_until[server] = now + seconds * random.uniform(1.0, 1.2)
        if self._routes(now):
            return backoff(self._failures).total_seconds()
        return min(self._blocked_until.values()) - now

    def worked(self, server: Server) -> None:
        """It has worked for a good while: earlier failures are forgotten."""
        self._failures = 0
        self._times_sent_away.pop(server, None)
        self._blocked_until.pop(server, None)
