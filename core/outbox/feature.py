"""What the outbox package declares."""

from datetime import datetime

from sqlalchemy import Connection

from core.kit.feature import Feature
from core.kit.part import Part
from core.outbox import store
from core.outbox.personal import PERSONAL
from core.outbox.store import Trouble

SLOW_SECONDS = 30


def look(tx: Connection, now: datetime) -> list[Part]:
    """How the outbox stands, for the health page: as a whole, and for each server in trouble."""
    counts = store.get_counts(tx)
    age = (now - counts.oldest_at).total_seconds() if counts.oldest_at else None
    slow = age is not None and age > SLOW_SECONDS
    whole = Part(
        "Outbox", "warn" if slow else "ok", f"{counts.waiting} waiting.", age, age_of="oldest"
    )
    return [whole, *(_of_server(trouble) for trouble in store.list_troubles(tx))]


def _of_server(trouble: Trouble) -> Part:
    if trouble.shelved:
        reason = f"{trouble.shelved} could not be sent: {trouble.error}"
    else:
        reason = f"{trouble.failing} are being tried again: {trouble.error}"
    return Part(
        "Messages of this server",
        "warn",
        reason,
        guild_id=trouble.guild_id,
        can_be_retried=trouble.shelved > 0,
    )


FEATURE = Feature("outbox", checks=(look,), personal=PERSONAL)
