"""Time is stated: rules take `now` as an argument, and only the edges ask a clock."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

Clock = Callable[[], datetime]
"""Gives the present instant, timezone-aware, in UTC."""


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


def parse_instant(text: str) -> datetime:
    """An RFC 3339 instant as an aware datetime in UTC.

    Raises:
        ValueError: the text is no instant, or names no offset.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs an offset: {text!r}")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"not an instant in UTC: {text!r}") from None


def elapsed_seconds() -> float:
    """Runs on evenly, whoever sets the clock, and where the system can tell, also in its sleep."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class RemoteClock:
    """What time it is for a server elsewhere, from the Date of its answers. It does not depend on
    this computer's clock, which may be wrong."""

    def __init__(self, elapsed: Callable[[], float] = elapsed_seconds) -> None:
        self._elapsed = elapsed
        self._seen: tuple[datetime, float] | None = None

    def observe(self, headers: Mapping[str, str]) -> None:
        """An answer that came just now."""
        if headers.get("Age", "0") != "0":
            return  # out of a cache, which may date it as it likes
        try:
            date = parsedate_to_datetime(headers.get("Date", ""))
        except ValueError:
            return
        if date.tzinfo is not None:
            self._seen = (date.astimezone(UTC), self._elapsed())

    def now(self) -> datetime | None:
        """To the second; None while no answer has told it."""
        if self._seen is None:
            return None
        date, at = self._seen
        return date + timedelta(seconds=self._elapsed() - at)
