"""Rate limits, counted in Redis, or in this process without one."""

import ipaddress
import math
import time

import structlog
from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from core.kit.settings import Settings

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
            storage = storage_from_string(url, wrap_exceptions=True, socket_timeout=0.5)
            self._shared = FixedWindowRateLimiter(storage)

    def allows(self, limit: RateLimitItem, *who: str) -> bool:
        """Count one more; False when that is more than the limit."""
        if self._shared is not None:
            try:
                return self._shared.hit(limit, *who)
            except StorageError as error:
                _log.debug("Counting without Redis", reason=type(error.storage_error).__name__)
        return self._here.hit(limit, *who)

    def seconds_left(self, limit: RateLimitItem, *who: str) -> int:
        """How long it takes until counting begins again, at least one second."""
        try:
            ends_at = (self._shared or self._here).get_window_stats(limit, *who).reset_time
        except StorageError:
            ends_at = self._here.get_window_stats(limit, *who).reset_time
        return max(1, math.ceil(ends_at - time.time()))


def network_of(address: str | None) -> str:
    """What to count by: an IPv4 address, or the /64 network of an IPv6 address, which one household
    has to itself."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
