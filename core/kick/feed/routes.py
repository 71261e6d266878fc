"""Which way to the feed is tried next, and after how long.

Asked for both transports, Kick takes its choice. A way that does not work is gone round by the
next; a server that sends us away for good is left alone for minutes, while the others are tried.
"""

import random
from dataclasses import dataclass
from typing import Literal

from core.kick.feed.rules import Provider
from core.kit.retry import backoff

Server = Literal["centrifugo", "pusher", "configured"]
"""Over which server; `configured` is the Pusher app of the settings, without asking Kick."""

STAY_AWAY_SECONDS = (300.0, 600.0, 1200.0, 1800.0)
"""After being sent away for good once, and then again."""

NEGOTIABLE: tuple[Provider, ...] = ("centrifugo", "pusher")


@dataclass(frozen=True, slots=True)
class Route:
    """One try: ask Kick, accepting these transports; without any, use the configured server."""

    accepted: tuple[Provider, ...]


@dataclass(slots=True)
class _Block:
    until: float
    times: int


class RouteSelector:
    """Remembers what failed. Instants are seconds of a steady clock.

    Args:
        has_pusher_key: a Pusher app is configured.
    """

    def __init__(self, *, has_pusher_key: bool) -> None:
        self._has_pusher_key = has_pusher_key
        self._failures = 0
        self._blocks: dict[Server, _Block] = {}

    def choose(self, now: float) -> Route | None:
        """What to try now; None while every server has sent us away."""
        open_ = self._routes(now)
        return open_[self._failures % len(open_)] if open_ else None

    def _routes(self, now: float) -> list[Route]:
        welcome = tuple(each for each in NEGOTIABLE if not self._is_blocked(each, now))
        routes = [Route(welcome)] if welcome else []
        if len(welcome) > 1:
            # The transport that Kick does not prefer comes next, in case the preferred one fails.
            routes += [Route((each,)) for each in reversed(welcome)]
        if self._has_pusher_key and not self._is_blocked("configured", now):
            routes.append(Route(()))
        return routes

    def _is_blocked(self, way: Server, now: float) -> bool:
        return way in self._blocks and self._blocks[way].until > now

    def failed(self, way: Server | None, now: float, *, terminal: bool) -> float:
        """It did not work, or no longer does; seconds to wait before the next try.

        Args:
            way: over which server; None if it did not come to that.
            terminal: that server sent us away for good.
        """
        self._failures += 1
        if terminal and way is not None:
            self._block(way, now)
        if self._routes(now):
            return backoff(self._failures).total_seconds()
        return min(bar.until for bar in self._blocks.values()) - now

    def _block(self, way: Server, now: float) -> None:
        times = self._blocks[way].times + 1 if way in self._blocks else 1
        seconds = STAY_AWAY_SECONDS[min(times, len(STAY_AWAY_SECONDS)) - 1]
        self._blocks[way] = _Block(now + seconds * random.uniform(1.0, 1.2), times)

    def worked(self, way: Server) -> None:
        """It has worked for a good while: earlier failures are forgotten."""
        self._failures = 0
        self._blocks.pop(way, None)
