"""What the inbox offers to the other packages."""

from datetime import datetime

from sqlalchemy import Connection

from core.inbox import store
from core.inbox.actions import OWN_SOURCE, translate_own
from core.inbox.personal import PERSONAL
from core.inbox.store import Trouble
from core.kit.feature import Feature
from core.kit.locks import list_lock_waits
from core.kit.part import Part, State

SLOW_SECONDS = 10


def look(tx: Connection, now: datetime) -> list[Part]:
    """For the health page: the inbox as a whole, and each server in trouble."""
    troubles = store.list_troubles(tx)
    counts = store.get_counts(tx)
    age = (now - counts.oldest_at).total_seconds() if counts.oldest_at else None
    reason = f"{counts.waiting} waiting."
    is_slow = age is not None and age > SLOW_SECONDS
    if is_slow:
        waits = list_lock_waits(tx)
        cause = str(waits[0]) if waits else "the inbox worker"
        reason = f"{counts.waiting} waiting, the oldest for {age:.0f} s, for {cause}."
    not_understood = counts.shelved - sum(trouble.shelved for trouble in troubles)
    if not_understood:
        reason = f"{not_understood} deliveries were not understood; see the log. {reason}"
    state: State = "warn" if is_slow or not_understood else "ok"
    whole = Part("Inbox", state, reason, age, can_be_retried=not_understood > 0, age_of="oldest")
    return [whole, *(_of_server(trouble) for trouble in troubles)]


def _of_server(trouble: Trouble) -> Part:
    if trouble.shelved:
        reason = f"{trouble.shelved} could not be handled: {trouble.error}"
    else:
        reason = f"{trouble.retrying} are being tried again: {trouble.error}"
    return Part(
        "Events of this server",
        "warn",
        reason,
        guild_id=trouble.guild_id,
        can_be_retried=trouble.shelved > 0,
    )


FEATURE = Feature(
    "inbox", translates={OWN_SOURCE: translate_own}, checks=(look,), personal=PERSONAL
)
