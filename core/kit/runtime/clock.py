"""Clocks. Rules take `now` as an argument; only their callers ask a clock."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

Clock = Callable[[], datetime]
"""Returns the current time, timezone-aware, in UTC."""


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


def parse_instant(text: str) -> datetime:
    """An RFC 3339 instant in UTC. Raises ValueError if it is not one, or has no offset."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs an offset: {text!r}")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"not an instant in UTC: {text!r}") from None


def elapsed_seconds() -> float:
    """Monotonic time, including system sleep where supported."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class RemoteClock:
    """The time of another server, from the Date of its responses, independent of this computer's
    clock."""

    def __init__(self, elapsed: Callable[[], float] = elapsed_seconds) -> None:
        self._elapsed = elapsed
        self._seen: tuple[datetime, float] | None = None

    def observe(self, headers: Mapping[str, str]) -> None:
        """Read the time from a response that has just arrived."""
        if headers.get("Age", "0") != "0":
            return  # from a cache
        try:
            date = parsedate_to_datetime(headers.get("Date", ""))
        except ValueError:
            return
        if date.tzinfo is not None:
            self._seen = (date.astimezone(UTC), self._elapsed())

    def now(self) -> datetime | None:
        """The time, to the second; None before the first response."""
        if self._seen is None:
            return None
        date, at = self._seen
        return date + timedelta(seconds=self._elapsed() - at)
