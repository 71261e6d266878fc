"""The statements about recent subscriptions and duplicates of gifts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kick.review.rules import Decision
from core.kick.review.tables import duplicates, recent_subs
from core.kit.database import among

# -- subscriptions of the last weeks ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recent:
    """A subscription of the last weeks, bought or received.

    Attributes:
        payload: the event of one that was bought; for a gift, its `drop` and `giver`.
    """

    guild_id: int
    kick_user_id: int
    gifted: bool
    at: datetime
    key: str
    payload: dict[str, Any]


def add_recent(tx: Connection, subs: Sequence[Recent]) -> None:
    """Remember them."""
    if not subs:
        return
    tx.execute(
        upsert(recent_subs).on_conflict_do_nothing(constraint="kick_recent_subs_once"),
        [
            {
                "guild_id": sub.guild_id,
                "kick_user_id": sub.kick_user_id,
                "gifted": sub.gifted,
                "at": sub.at,
                "key": sub.key,
                "payload": sub.payload,
            }
            for sub in subs
        ],
    )


def list_recent(
    tx: Connection,
    guild_id: int,
    kick_user_ids: Iterable[int],
    *,
    gifted: bool,
    since: datetime,
    until: datetime,
) -> list[Recent]:
    """What these people bought or received between the two instants."""
    found = tx.execute(
        select(recent_subs).where(
            recent_subs.c.guild_id == guild_id,
            among(recent_subs.c.kick_user_id, kick_user_ids),
            recent_subs.c.gifted.is_(gifted),
            recent_subs.c.at.between(since, until),
        )
    )
    return [Recent(**row) for row in found.mappings()]


def end_recent(tx: Connection, before: datetime) -> int:
    """Forget what is older; returns how many."""
    return tx.execute(delete(recent_subs).where(recent_subs.c.at < before)).rowcount


# -- duplicates ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A subscription that is probably a gift sent twice.

    Attributes:
        event: its class name.
        counted: it was counted before its gift came.
        payload: the event, for `core.events.base.from_json`.
        drop: of the gifts; its duplicates are decided together.
        giver: who gave them, "" for an anonymous one.
        number: by which admins name it, once it was listed.
    """

    guild_id: int
    event: str
    key: str
    counted: bool
    at: datetime
    payload: dict[str, Any]
    drop: str
    giver: str
    number: int | None = None
    state: Decision | Literal["open"] = "open"


_DUPLICATE = [duplicates.c[name] for name in Duplicate.__slots__]


def add_duplicate(tx: Connection, duplicate: Duplicate) -> bool:
    """Queue it; False if it was queued before, whatever was decided."""
    added = tx.execute(
        upsert(duplicates)
        .values({name: getattr(duplicate, name) for name in Duplicate.__slots__})
        .on_conflict_do_nothing(constraint="kick_duplicates_once")
    )
    return added.rowcount == 1


# Those of one drop that were counted, and those that were not, get one number each. Witnesses are
# numbered in the same row, so that `/missed` knows by the number alone what is meant. Rows are
# found again by their place, which the server's lock keeps; a join by drop compares all with all.
_SET_NUMBERS = text("""
    WITH duplicates AS (
        SELECT ctid AS place, drop, counted, number,
               max(number) OVER one AS known, min(at) OVER one AS first_at
          FROM kick_duplicates
         WHERE guild_id = :guild_id
        WINDOW one AS (PARTITION BY drop, counted)
    ), named AS (
        SELECT place,
               COALESCE(known,
                   GREATEST((SELECT COALESCE(max(number), 0) FROM kick_duplicates
                              WHERE guild_id = :guild_id),
                            (SELECT COALESCE(max(number), 0) FROM kick_unconfirmed_events
                              WHERE guild_id = :guild_id))
                   + dense_rank() OVER (PARTITION BY known IS NULL
                                            ORDER BY first_at, drop, counted)) AS number
          FROM duplicates WHERE number IS NULL
    )
    UPDATE kick_duplicates p SET number = named.number FROM named WHERE p.ctid = named.place
""")


def set_numbers(tx: Connection, guild_id: int) -> int:
    """Give those a number that have none; how many had none. The caller holds the server's lock."""
    return tx.execute(_SET_NUMBERS, {"guild_id": guild_id}).rowcount


def list_duplicates(tx: Connection, guild_id: int) -> list[Duplicate]:
    """Those of a server that nobody has decided about, by number."""
    found = tx.execute(
        select(*_DUPLICATE)
        .where(duplicates.c.guild_id == guild_id, duplicates.c.state == "open")
        .order_by(duplicates.c.number, duplicates.c.key)
    )
    return [Duplicate(**row) for row in found.mappings()]


def list_numbered(tx: Connection, guild_id: int, number: int) -> list[Duplicate]:
    """All with this number, whatever became of them."""
    found = tx.execute(
        select(*_DUPLICATE)
        .where(duplicates.c.guild_id == guild_id, duplicates.c.number == number)
        .order_by(duplicates.c.key)
    )
    return [Duplicate(**row) for row in found.mappings()]


def set_settled(
    tx: Connection, guild_id: int, number: int, state: Decision, actor: int, now: datetime
) -> int:
    """An admin has decided; how many were still open."""
    return tx.execute(
        update(duplicates)
        .where(
            duplicates.c.guild_id == guild_id,
            duplicates.c.number == number,
            duplicates.c.state == "open",
        )
        .values(state=state, settled_by=actor, settled_at=now)
    ).rowcount


def count_open(tx: Connection) -> dict[int, int]:
    """Server -> how many wait for a decision."""
    found = tx.execute(
        select(duplicates.c.guild_id, func.count())
        .where(duplicates.c.state == "open")
        .group_by(duplicates.c.guild_id)
    )
    return {row[0]: row[1] for row in found}
