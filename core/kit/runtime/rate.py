"""Rate limits, counted in Redis, or in this process without one."""

import ipaddress
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.kit.errors import RateLimited
from core.kit.runtime.settings import Settings
from core.kit.text.words import _

REDIS_RETRY_SECONDS = 5.0
"""Pause before Redis is tried again after it did not respond."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class RateLimit:
    """Counts requests. While Redis is down, each process counts its own."""

    def __init__(self, settings: Settings) -> None:
        self._here = FixedWindowRateLimiter(MemoryStorage())
        self._shared: FixedWindowRateLimiter | None = None
        if settings.redis_url is not None:
            url = settings.redis_url.get_secret_value()
            # `unix://` is redis-py's way of writing what `limits` calls `redis+unix://`.
            url = url.replace("unix://", "redis+unix://", 1) if url.startswith("unix") else url
            at_once: Any = Retry(NoBackoff(), 0)
            storage = storage_from_string(
                url, wrap_exceptions=True, socket_timeout=0.5, retry=at_once
            )
            self._shared = FixedWindowRateLimiter(storage)
        self._away_until = float("-inf")

    def allows(self, limit: RateLimitItem, *who: str) -> bool:
        """Count one request; False if it exceeds the limit."""
        return self._ask(lambda limiter: limiter.hit(limit, *who))

    def require(self, what: str, limit: RateLimitItem, *who: str) -> None:
        """Count one request. Raises RateLimited with `what` if it exceeds the limit."""
        if not self.allows(limit, *who):
            raise RateLimited(what, _("Wait a minute."), self.seconds_left(limit, *who))

    def take_back(self, limit: RateLimitItem, *who: str) -> None:
        """Uncount a request that turned out to be allowed."""
        self._ask(lambda limiter: limiter.hit(limit, *who, cost=-1))

    def is_used_up(self, limit: RateLimitItem, *who: str) -> bool:
        """Whether one more request would exceed the limit; nothing is counted."""
        return not self._ask(lambda limiter: limiter.test(limit, *who))

    def seconds_left(self, limit: RateLimitItem, *who: str) -> int:
        """Seconds until counting starts again, at least one."""
        ends_at = self._ask(lambda limiter: limiter.get_window_stats(limit, *who).reset_time)
        return max(1, math.ceil(ends_at - time.time()))

    def _ask(self, ask: Callable[[FixedWindowRateLimiter], T]) -> T:
        if self._shared is not None and time.monotonic() > self._away_until:
            try:
                return ask(self._shared)
            except StorageError as error:
                self._away_until = time.monotonic() + REDIS_RETRY_SECONDS
                _log.debug(
                    "Redis does not answer, counting in this process",
                    reason=type(error.storage_error).__name__,
                )
        return ask(self._here)


A_MINUTE = RateLimitItemPerMinute(600)
"""Maximum requests from one network."""

MAX_CONCURRENT = 24
"""Maximum concurrent requests of people who are not logged in."""

MAX_CONCURRENT_PER_NETWORK = 12


class TooMany(Exception):
    """The request is not served because there are too many."""

    def __init__(self, status: int, what: str, retry_after: int) -> None:
        super().__init__(what)
        self.status, self.what, self.retry_after = status, what, retry_after


class Strangers:
    """Bounds the requests of people who are not logged in, in this process, so that they cost
    neither threads nor connections that others need. Thread-safe."""

    WAIT_SECONDS = 1.0
    """Maximum time a request waits for a slot."""

    def __init__(self) -> None:
        self._counts = FixedWindowRateLimiter(MemoryStorage())
        self._now: Counter[str] = Counter()
        self._condition = threading.Condition()

    @contextmanager
    def request(self, network: str) -> Iterator[None]:
        """Context manager around a request. Raises TooMany."""
        if not self._counts.hit(A_MINUTE, network):
            raise TooMany(429, _("Too many requests from your network."), 60)
        with self._condition:
            if not self._condition.wait_for(lambda: self._has_room(network), self.WAIT_SECONDS):
                raise TooMany(503, _("The server is busy right now."), 5)
            self._now[network] += 1
        try:
            yield
        finally:
            with self._condition:
                self._now[network] -= 1
                if not self._now[network]:
                    del self._now[network]
                self._condition.notify_all()

    def _has_room(self, network: str) -> bool:
        return (
            self._now[network] < MAX_CONCURRENT_PER_NETWORK and self._now.total() < MAX_CONCURRENT
        )


def network_of(address: str | None) -> str:
    """The key to count by: an IPv4 address, or the /64 network of an IPv6 address, which belongs to
    one household.
    """
    # Some proxies pass an IPv6 address in brackets, or a port behind the address.
    text = (address or "").strip()
    text = text[1:].split("]", 1)[0] if text.startswith("[") else text
    text = text.split(":", 1)[0] if text.count(":") == 1 else text
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
