"""The statements about deliveries that cannot be verified yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, text, update

from core.kick.intake.tables import held
from core.kick.signature import SignedRequest

MOST_HELD = 1000
MOST_BYTES = 65_536
"""Of one body. The largest that Kick documents, a gift to a hundred viewers, is half of that."""


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery that waits for a key that fits."""

    id: int
    request: SignedRequest
    received_at: datetime


_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('kick.held', 0))")

# What was tried with Kick's newest key and did not fit is most likely forged.
_DROP_OTHERS = text("""
    DELETE FROM kick_held WHERE id IN (
        SELECT id FROM kick_held WHERE checked_with IS NOT NULL ORDER BY id
         LIMIT greatest((SELECT count(*) FROM kick_held) - :most + 1, 0))
""")


def add(tx: Connection, request: SignedRequest, now: datetime, checked_with: str | None) -> bool:
    """Keep it for later; False when it is too large, or nothing else can be dropped for it."""
    if len(request.body) > MOST_BYTES:
        return False
    tx.execute(_ONE_AT_A_TIME)
    tx.execute(_DROP_OTHERS, {"most": MOST_HELD})
    if tx.execute(select(func.count()).select_from(held)).scalar_one() >= MOST_HELD:
        return False
    tx.execute(
        insert(held).values(
            received_at=now,
            checked_with=checked_with,
            **{name: getattr(request, name) for name in _PARTS},
        )
    )
    return True


_PARTS = tuple(SignedRequest.__dataclass_fields__)


def list_unchecked(tx: Connection, key: str, after: int, most: int) -> list[Held]:
    """The oldest with a higher number that were not tried with this key."""
    found = tx.execute(
        select(held)
        .where(held.c.checked_with.is_distinct_from(key), held.c.id > after)
        .order_by(held.c.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return [
        Held(row["id"], SignedRequest(**{name: row[name] for name in _PARTS}), row["received_at"])
        for row in found.mappings()
    ]


def set_checked(tx: Connection, ids: Sequence[int], key: str) -> None:
    """They do not fit this key, nor those before it."""
    tx.execute(update(held).where(held.c.id.in_(ids)).values(checked_with=key))


def end(tx: Connection, ids: Sequence[int]) -> None:
    """They are verified, or of no use."""
    tx.execute(delete(held).where(held.c.id.in_(ids)))


def end_old(tx: Connection, before: datetime) -> int:
    """Give up those that came before then; returns how many."""
    return tx.execute(delete(held).where(held.c.received_at < before)).rowcount


@dataclass(frozen=True, slots=True)
class HeldCounts:
    """How many wait to be tried with Kick's newest key, and how many did not fit it."""

    unchecked: int
    unfitting: int
    oldest_at: datetime | None


def get_counts(tx: Connection) -> HeldCounts:
    """How many there are."""
    row = tx.execute(
        select(
            func.count().filter(held.c.checked_with.is_(None)).label("unchecked"),
            func.count(held.c.checked_with).label("unfitting"),
            func.min(held.c.received_at).label("oldest_at"),
        )
    ).one()
    return HeldCounts(row.unchecked, row.unfitting, row.oldest_at)
