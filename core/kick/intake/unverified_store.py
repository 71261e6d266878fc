"""The statements about deliveries that cannot be verified yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, text, update

from core.kick.intake.tables import unverified
from core.kick.signature import SignedRequest

MOST_KEPT = 1000
MOST_BYTES = 65_536
"""Of one body. The largest that Kick documents, a gift to a hundred viewers, is half of that."""


@dataclass(frozen=True, slots=True)
class UnverifiedDelivery:
    """A delivery that waits for a key that fits."""

    id: int
    request: SignedRequest
    received_at: datetime


_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('kick.unverified', 0))")

# What was tried with Kick's newest key and did not fit is most likely forged.
_DROP_OTHERS = text("""
    DELETE FROM kick_unverified_deliveries WHERE id IN (
        SELECT id FROM kick_unverified_deliveries WHERE checked_with IS NOT NULL ORDER BY id
         LIMIT greatest((SELECT count(*) FROM kick_unverified_deliveries) - :most + 1, 0))
""")


def add(tx: Connection, request: SignedRequest, now: datetime, checked_with: str | None) -> bool:
    """Keep it for later; False when it is too large, or nothing else can be dropped for it."""
    if len(request.body) > MOST_BYTES:
        return False
    tx.execute(_ONE_AT_A_TIME)
    tx.execute(_DROP_OTHERS, {"most": MOST_KEPT})
    if tx.execute(select(func.count()).select_from(unverified)).scalar_one() >= MOST_KEPT:
        return False
    tx.execute(
        insert(unverified).values(
            received_at=now,
            checked_with=checked_with,
            **{name: getattr(request, name) for name in _PARTS},
        )
    )
    return True


_PARTS = tuple(SignedRequest.__dataclass_fields__)


def list_unchecked(tx: Connection, key: str, after: int, most: int) -> list[UnverifiedDelivery]:
    """The oldest with a higher number that were not tried with this key."""
    found = tx.execute(
        select(unverified)
        .where(unverified.c.checked_with.is_distinct_from(key), unverified.c.id > after)
        .order_by(unverified.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return [
        UnverifiedDelivery(
            row["id"], SignedRequest(**{name: row[name] for name in _PARTS}), row["received_at"]
        )
        for row in found.mappings()
    ]


def set_checked(tx: Connection, ids: Sequence[int], key: str) -> None:
    """They do not fit this key, nor those before it."""
    tx.execute(update(unverified).where(unverified.c.id.in_(ids)).values(checked_with=key))


def end(tx: Connection, ids: Sequence[int]) -> None:
    """They are verified, or of no use."""
    tx.execute(delete(unverified).where(unverified.c.id.in_(ids)))


def end_old(tx: Connection, before: datetime) -> int:
    """Give up those that came before then; returns how many."""
    return tx.execute(delete(unverified).where(unverified.c.received_at < before)).rowcount


@dataclass(frozen=True, slots=True)
class UnverifiedCounts:
    """How many wait to be tried with Kick's newest key, and how many did not fit it."""

    unchecked: int
    unfitting: int
    oldest_at: datetime | None


def get_counts(tx: Connection) -> UnverifiedCounts:
    """How many there are."""
    row = tx.execute(
        select(
            func.count().filter(unverified.c.checked_with.is_(None)).label("unchecked"),
            func.count(unverified.c.checked_with).label("unfitting"),
            func.min(unverified.c.received_at).label("oldest_at"),
        )
    ).one()
    return UnverifiedCounts(row.unchecked, row.unfitting, row.oldest_at)
