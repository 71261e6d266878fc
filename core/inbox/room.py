"""The front door of the inbox."""

from datetime import datetime

from sqlalchemy import Connection

from core.inbox import store
from core.inbox.actions import OWN_SOURCE, translate_own
from core.inbox.personal import PERSONAL
from core.inbox.store import Counts, Trouble
from core.kit.part import Part
from core.kit.room import Room

SLOW_SECONDS = 30


def look(tx: Connection, now: datetime) -> list[Part]:
    """How the inbox stands, for the health page: as a whole, and for each server in trouble."""
    troubles = store.list_troubles(tx)
    shelved_by_hearers = sum(trouble.shelved for trouble in troubles)
    counts = store.get_counts(tx)
    whole = _whole(counts, counts.shelved - shelved_by_hearers, now)
    return [whole, *(_of_server(trouble) for trouble in troubles)]


def _whole(counts: Counts, not_understood: int, now: datetime) -> Part:
    age = (now - counts.oldest_at).total_seconds() if counts.oldest_at else None
    if not_understood:
        reason = f"{not_understood} deliveries were not understood; the log knows more."
        return Part("Inbox", "warn", reason, age, can_be_retried=True)
    slow = age is not None and age > SLOW_SECONDS
    return Part("Inbox", "warn" if slow else "ok", f"{counts.waiting} waiting.", age)


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


ROOM = Room("inbox", translates={OWN_SOURCE: translate_own}, checks=(look,), personal=PERSONAL)
