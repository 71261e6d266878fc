"""The front door of the inbox."""

from datetime import datetime

from sqlalchemy import Connection

from core.inbox import store
from core.kit.part import Part
from core.kit.room import Room

SLOW_SECONDS = 30


def look(tx: Connection, now: datetime) -> list[Part]:
    """How the inbox stands, for the health page."""
    counts = store.get_counts(tx)
    age = (now - counts.oldest_at).total_seconds() if counts.oldest_at else None
    if counts.shelved:
        reason = f"{counts.shelved} could not be handled: {counts.shelved_error}"
        return [Part("Inbox", "warn", reason, age)]
    if counts.retrying:
        return [Part("Inbox", "warn", f"{counts.retrying} are being tried again.", age)]
    slow = age is not None and age > SLOW_SECONDS
    return [Part("Inbox", "warn" if slow else "ok", f"{counts.waiting} waiting.", age)]


ROOM = Room("inbox", checks=(look,))
