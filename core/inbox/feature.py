"""What the inbox offers to the other packages."""

from datetime import datetime

from sqlalchemy import Connection

from core.inbox import store
from core.inbox.actions import OWN_SOURCE, translate_own
from core.inbox.personal import PERSONAL
from core.inbox.store import Trouble
from core.kit.feature import Feature
from core.kit.health_item import HealthItem, State
from core.kit.locks import list_lock_waits

SLOW_SECONDS = 10


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """The inbox as a whole, and each server with failing handlers."""
    troubles = store.list_troubles(tx)
    counts = store.get_counts(tx)
    age = (now - counts.oldest_at).total_seconds() if counts.oldest_at else None
    reason = f"{counts.waiting} waiting."
    is_slow = age is not None and age > SLOW_SECONDS
    if is_slow:
        waits = list_lock_waits(tx)
        cause = str(waits[0]) if waits else "the inbox worker"
        reason = f"{counts.waiting} waiting, the oldest for {age:.0f} s, for {cause}."
    untranslated = counts.dead - sum(trouble.dead for trouble in troubles)
    if untranslated:
        reason = f"{untranslated} could not be read; see the log. {reason}"
    state: State = "warn" if is_slow or untranslated else "ok"
    total = HealthItem(
        "Inbox", state, reason, age, can_be_retried=untranslated > 0, age_of="oldest"
    )
    return [total, *(_of_server(trouble) for trouble in troubles)]


def _of_server(trouble: Trouble) -> HealthItem:
    if trouble.dead:
        reason = f"{trouble.dead} could not be handled: {trouble.error}"
    else:
        reason = f"{trouble.retrying} being retried: {trouble.error}"
    return HealthItem(
        "Events of this server",
        "warn",
        reason,
        guild_id=trouble.guild_id,
        can_be_retried=trouble.dead > 0,
    )


FEATURE = Feature(
    "inbox", translates={OWN_SOURCE: translate_own}, checks=(check_health,), personal=PERSONAL
)
