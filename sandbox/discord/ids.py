"""Snowflakes: Discord's time-ordered 64 bit ids (milliseconds since 2015, then 22 bits)."""

from __future__ import annotations

import time
from datetime import UTC, datetime

EPOCH_MS = 1_420_070_400_000


def snowflake_at(unix_ms: int, low_bits: int = 0) -> int:
    return ((unix_ms - EPOCH_MS) << 22) | low_bits


def created_at(snowflake: int) -> datetime:
    return datetime.fromtimestamp(((snowflake >> 22) + EPOCH_MS) / 1000, UTC)


class SnowflakeClock:
    """Current snowflakes, each larger than the one before."""

    def __init__(self) -> None:
        self._last = 0

    def start_after(self, snowflake: int) -> None:
        """Continue after a known snowflake, even if the system clock went back."""
        self._last = max(self._last, snowflake)

    def next(self) -> int:
        self._last = max(snowflake_at(int(time.time() * 1000)), self._last + 1)
        return self._last


def iso(at: datetime | None) -> str | None:
    """Discord's timestamps: `2026-01-02T03:04:05.678000+00:00`."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def utc_now() -> datetime:
    return datetime.now(UTC)
