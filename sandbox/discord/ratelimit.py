"""Rate limits: https://discord.com/developers/docs/topics/rate-limits. Fixed windows per bucket."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from sandbox.faults import Faults

MESSAGES_ROUTE = ("POST", "/channels/{channel_id}/messages")
_MAJOR = ("channel_id", "guild_id", "webhook_id", "token")
_BUCKETS_BEFORE_CLEANING = 2_000


@dataclass
class Window:
    limit: int
    ends_at: float
    used: int = 0


@dataclass(frozen=True)
class Verdict:
    """Whether a call is allowed, and the rate limit headers."""

    allowed: bool
    retry_after: float
    headers: dict[str, str]


class RateLimits:
    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._windows: dict[str, Window] = {}

    def count(self, method: str, template: str, params: dict[str, str]) -> Verdict:
        """Count a call; its bucket is the route with its channel, guild or webhook."""
        bucket = hashlib.sha256(f"{method} {template}".encode()).hexdigest()[:32]
        major = "+".join(params[name] for name in _MAJOR if name in params)
        window = self._window(f"{bucket}:{major}", (method, template) == MESSAGES_ROUTE)
        window.used += 1
        left = max(0.0, window.ends_at - time.time())
        headers = {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(max(0, window.limit - window.used)),
            "X-RateLimit-Reset": f"{window.ends_at:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": bucket,
        }
        return Verdict(window.used <= window.limit, left, headers)

    def _window(self, key: str, messages: bool) -> Window:
        name = "discord.ratelimit.messages" if messages else "discord.ratelimit.others"
        limit, now = self._faults.number(name), time.time()
        window = self._windows.get(key)
        if window is None or window.ends_at <= now or window.limit != limit:
            self._clean(now)
            window = Window(limit, now + float(self._faults.get("discord.ratelimit.window_s")))
            self._windows[key] = window
        return window

    def _clean(self, now: float) -> None:
        if len(self._windows) > _BUCKETS_BEFORE_CLEANING:
            self._windows = {k: w for k, w in self._windows.items() if w.ends_at > now}
