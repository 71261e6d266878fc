"""What the outbox package declares."""

from datetime import datetime

from sqlalchemy import Connection

from core.kit.feature import Feature
from core.kit.health_item import HealthItem
from core.outbox import store
from core.outbox.personal import PERSONAL
from core.outbox.store import Trouble

SLOW_SECONDS = 30


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """The outbox as a whole, and each server with failing messages."""
    counts = store.get_counts(tx)
    age = (now - counts.oldest_at).total_seconds() if counts.oldest_at else None
    slow = age is not None and age > SLOW_SECONDS
    total = HealthItem(
        "Outbox", "warn" if slow else "ok", f"{counts.waiting} waiting.", age, age_of="oldest"
    )
    return [total, *(_of_server(trouble) for trouble in store.list_troubles(tx))]


def _of_server(trouble: Trouble) -> HealthItem:
    if trouble.dead:
        reason = f"{trouble.dead} could not be sent: {trouble.error}"
    else:
        reason = f"{trouble.failing} being retried: {trouble.error}"
    return HealthItem(
        "Messages of this server",
        "warn",
        reason,
        guild_id=trouble.guild_id,
        can_be_retried=trouble.dead > 0,
    )


FEATURE = Feature("outbox", checks=(check_health,), personal=PERSONAL)
