"""The front door of the outbox."""

from datetime import datetime

from sqlalchemy import Connection

from core.kit.part import Part
from core.kit.room import Room
from core.outbox import store

SLOW_SECONDS = 30


def look(tx: Connection, now: datetime) -> list[Part]:
    """How the outbox stands, for the health page."""
    counts = store.get_counts(tx)
    age = (now - counts.oldest_at).total_seconds() if counts.oldest_at else None
    if counts.shelved:
        reason = f"{counts.shelved} could not be sent: {counts.shelved_error}"
        return [Part("Outbox", "warn", reason, age)]
    if age is not None and age > SLOW_SECONDS:
        reason = f"{counts.waiting} waiting: {counts.waiting_error or 'the sender is behind'}"
        return [Part("Outbox", "warn", reason, age)]
    return [Part("Outbox", "ok", f"{counts.waiting} waiting.", age)]


ROOM = Room("outbox", checks=(look,))
