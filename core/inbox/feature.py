"""Declaration of the inbox."""

from datetime import datetime

from sqlalchemy import Connection, text

from core.inbox import store
from core.inbox.actions import OWN_SOURCE, translate_own
from core.inbox.personal import PERSONAL
from core.kit.database.locks import list_lock_waits
from core.kit.feature import Feature
from core.kit.health_item import HealthItem, State

SLOW_SECONDS = 10

_LIST_FAILING = text("""
    SELECT guild_id,
           count(*) FILTER (WHERE state = 'waiting') AS retried,
           count(*) FILTER (WHERE state = 'dead') AS dead,
           (array_agg(error ORDER BY id DESC))[1] AS error
      FROM inbox_retries GROUP BY guild_id ORDER BY guild_id
""")


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """The inbox as a whole, and each server with failing handlers."""
    failing = tx.execute(_LIST_FAILING).all()
    counts = store.get_counts(tx)
    age = (now - counts.oldest_at).total_seconds() if counts.oldest_at else None
    reason = f"{counts.waiting} waiting."
    is_slow = age is not None and age > SLOW_SECONDS
    if is_slow:
        waits = list_lock_waits(tx)
        cause = str(waits[0]) if waits else "the inbox worker"
        reason = f"{counts.waiting} waiting, the oldest for {age:.0f} s, for {cause}."
    untranslated = counts.dead - sum(row.dead for row in failing)
    if untranslated:
        reason = f"{untranslated} could not be read; see the log. {reason}"
    state: State = "warn" if is_slow or untranslated else "ok"
    can_be_retried = untranslated > 0
    items = [HealthItem("Inbox", state, reason, age, None, can_be_retried, age_of="oldest")]
    for row in failing:
        how = f"{row.dead} could not be handled" if row.dead else f"{row.retried} being retried"
        items.append(
            HealthItem(
                "Events of this server",
                "warn",
                f"{how}: {row.error}",
                guild_id=row.guild_id,
                can_be_retried=row.dead > 0,
            )
        )
    return items


FEATURE = Feature(
    "inbox", translates={OWN_SOURCE: translate_own}, checks=(check_health,), personal=PERSONAL
)
