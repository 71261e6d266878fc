"""A message as a sender has claimed it."""

from datetime import UTC, datetime
from typing import Any

from core.outbox.records import Outgoing


def claimed(service: str, **columns: Any) -> Outgoing:
    """First tried now."""
    now = datetime.now(UTC)
    message = Outgoing(key="k", service=service, lane="lane", target={}, kind="k", payload={})
    usual = {"attempts": 1, "unsure": False, "posted_at": now, "first_sending_at": now}
    for name, value in {**usual, "lease": "lease", **columns}.items():
        setattr(message, name, value)
    return message
