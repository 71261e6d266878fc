"""Which way to the feed is tried next, and after how long.

Asked for both transports, Kick takes its choice. A way that does not work is gone round by the
next; a server that sends us away for good is left alone for minutes, while the others are tried.
"""

import random
from dataclasses import dataclass
from typing import Literal

from core.kick.feed.rules import Provider
from core.kit.retry import backoff

Way = Literal["centrifugo", "pusher", "configured"]
"""Over which server; `configured` is the Pusher app of the settings, without asking Kick."""

STAY_AWAY_SECONDS = (300.0, 600.0, 1200.0, 1800.0)
"""After being sent away for good once, and then again."""

NEGOTIABLE: tuple[Provider, ...] = ("centrifugo", "pusher")


@dataclass(frozen=True, slots=True)
class Route:
    """One try: ask Kick, accepting these transports; without any, use the configured server."""

    accepted: tuple[Provider, ...]


@dataclass(slots=True)
class _Bar:
    until: float
    times: int


class Ways:
    """Remembers what failed. Instants are seconds of a steady clock.

    Args:
        has_pusher_key: a Pusher app is configured.
    """

    def __init__(self, *, has_pusher_key: bool) -> None:
        self._has_pusher_key = has_pusher_key
        self._failures = 0
        self._bars: dict[Way, _Bar] = {}

    def choose(self, now: float) -> Route | None:
        """What to try now; None while every server has sent us away."""
        open_ = self._routes(now)
        return open_[self._failures % len(open_)] if open_ else None

    def _routes(self, now: float) -> list[Route]:
        welcome = tuple(each for each in NEGOTIABLE if not self._is_barred(each, now))
        routes = [Route(welcome)] if welcome else []
        if len(welcome) > 1:
            # The transport that Kick does not prefer comes next, in case the preferred one fails.
            routes += [Route((each,)) for each in reversed(welcome)]
        if self._has_pusher_key and not self._is_barred("configured", now):
            routes.append(Route(()))
        return routes

    def _is_barred(self, way: Way, now: float) -> bool:
        return way in self._bars and self._bars[way].until > now

    def failed(self, way: Way | None, now: float, *, terminal: bool) -> float:
        """It did not work, or no longer does; seconds to wait before the next try.

        Args:
            way: over which server; None if it did not come to that.
            terminal: that server sent us away for good.
        """
        self._failures += 1
        if terminal and way is not None:
            self._bar(way, now)
        if self._routes(now):
            return backoff(self._failures).total_seconds()
        return min(bar.until for bar in self._bars.values()) - now

    def _bar(self, way: Way, now: float) -> None:
        times = self._bars[way].times + 1 if way in self._bars else 1
        seconds = STAY_AWAY_SECONDS[min(times, len(STAY_AWAY_SECONDS)) - 1]
        self._bars[way] = _Bar(now + seconds * random.uniform(1.0, 1.2), times)

    def worked(self, way: Way) -> None:
        """It has worked for a good while: earlier failures are forgotten."""
        self._failures = 0
        self._bars.pop(way, None)
