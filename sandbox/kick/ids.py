"""Kick's ids and time formats."""

import secrets
import time
from datetime import UTC, datetime

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(at: float | None = None) -> str:
    """A new ULID: 48 bits of milliseconds (now, or ``at`` in Unix seconds), 80 random bits."""
    milliseconds = int((time.time() if at is None else at) * 1000)
    number = (milliseconds << 80) | secrets.randbits(80)
    return "".join(CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def now() -> datetime:
    return datetime.now(UTC)


def parse_time(text: str) -> datetime:
    """RFC 3339 text in UTC; ValueError if it is invalid or lacks a zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return instant.astimezone(UTC)


def seconds(instant: datetime) -> str:
    """``2025-04-01T07:56:19Z``, for chat, live status and signatures."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def millis(instant: datetime) -> str:
    """``2025-10-20T04:00:08.634Z``, for Kicks gifts and redemptions."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"
