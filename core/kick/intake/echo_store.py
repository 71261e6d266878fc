"""The statements about recent subscriptions, and about the echoes of gifts that were set aside."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kick.intake.rules import Settled
from core.kick.intake.tables import parked, recent_subs
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


# -- what was set aside -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Echo:
    """A subscription that looks like a gift told twice.

    Attributes:
        event: its class name.
        counted: it had been counted before it looked odd.
        payload: the event, for `core.events.base.from_json`.
        drop: of the gifts that it looks like; those of one drop are decided together.
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
    state: Settled | Literal["open"] = "open"


_ECHO = [parked.c[name] for name in Echo.__slots__]


def add_echo(tx: Connection, echo: Echo) -> bool:
    """Set it aside; False when that was done before, whatever became of it."""
    added = tx.execute(
        upsert(parked)
        .values(
            reason="suspect_gift_echo", **{name: getattr(echo, name) for name in Echo.__slots__}
        )
        .on_conflict_do_nothing(constraint="kick_parked_once")
    )
    return added.rowcount == 1


# Those of one drop that were counted, and those that were not, get one number each. Witnesses are
# numbered in the same row, so that `/missed` knows by the number alone what is meant. Rows are
# found again by their place, which the server's lock keeps; a join by drop compares all with all.
_SET_NUMBERS = text("""
    WITH echoes AS (
        SELECT ctid AS place, drop, counted, number,
               max(number) OVER one AS known, min(at) OVER one AS first_at
          FROM kick_parked
         WHERE guild_id = :guild_id
        WINDOW one AS (PARTITION BY drop, counted)
    ), named AS (
        SELECT place,
               COALESCE(known,
                   GREATEST((SELECT COALESCE(max(number), 0) FROM kick_parked
                              WHERE guild_id = :guild_id),
                            (SELECT COALESCE(max(number), 0) FROM kick_witnesses
                              WHERE guild_id = :guild_id))
                   + dense_rank() OVER (PARTITION BY known IS NULL
                                            ORDER BY first_at, drop, counted)) AS number
          FROM echoes WHERE number IS NULL
    )
    UPDATE kick_parked p SET number = named.number FROM named WHERE p.ctid = named.place
""")


def set_numbers(tx: Connection, guild_id: int) -> int:
    """Give those a number that have none; how many had none. The caller holds the server's lock."""
    return tx.execute(_SET_NUMBERS, {"guild_id": guild_id}).rowcount


def list_echoes(tx: Connection, guild_id: int) -> list[Echo]:
    """Those of a server that nobody has decided about, by number."""
    found = tx.execute(
        select(*_ECHO)
        .where(parked.c.guild_id == guild_id, parked.c.state == "open")
        .order_by(parked.c.number, parked.c.key)
    )
    return [Echo(**row) for row in found.mappings()]


def list_numbered(tx: Connection, guild_id: int, number: int) -> list[Echo]:
    """All with this number, whatever became of them."""
    found = tx.execute(
        select(*_ECHO)
        .where(parked.c.guild_id == guild_id, parked.c.number == number)
        .order_by(parked.c.key)
    )
    return [Echo(**row) for row in found.mappings()]


def set_settled(
    tx: Connection, guild_id: int, number: int, state: Settled, actor: int, now: datetime
) -> int:
    """An admin has decided; how many were still open."""
    return tx.execute(
        update(parked)
        .where(parked.c.guild_id == guild_id, parked.c.number == number, parked.c.state == "open")
        .values(state=state, settled_by=actor, settled_at=now)
    ).rowcount


def count_open(tx: Connection) -> dict[int, int]:
    """Server -> how many wait for a decision."""
    found = tx.execute(
        select(parked.c.guild_id, func.count())
        .where(parked.c.state == "open")
        .group_by(parked.c.guild_id)
    )
    return {row[0]: row[1] for row in found}
