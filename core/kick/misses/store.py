"""The statements about witnesses and what they are matched with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.events.base import from_json, to_json
from core.kick.misses.events import FeedWitnessed
from core.kick.misses.rules import Kind, State
from core.kick.misses.tables import told, witnesses
from core.kit.database import cache_of

THE_FEED = 0
"""Stands for an admin where the feed itself is the authority."""


@dataclass(frozen=True, slots=True)
class Told:
    """A fact that a webhook told. `key` is the event's."""

    guild_id: int
    kind: Kind
    key: str
    subject: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Witness:
    """What the feed saw, and what became of it.

    Attributes:
        fact_key: of the fact that it is, once that was told by webhook.
        number: by which admins name its drop, once it is suspected.
        settled_by: Discord id of the admin; `THE_FEED` where the feed is the authority.
    """

    seen: FeedWitnessed
    state: State
    fact_key: str | None
    number: int | None
    settled_by: int | None
    settled_at: datetime | None


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def lock(tx: Connection, guild_id: int) -> None:
    """Only one transaction at a time matches or settles for this server."""
    note = ("kick.misses.lock", guild_id)
    if note not in cache_of(tx):
        tx.execute(_LOCK, {"name": f"kick.misses:{guild_id}"})
        cache_of(tx)[note] = True


# -- told ---------------------------------------------------------------------------------------


def add_told(tx: Connection, fact: Told) -> None:
    """A webhook told it."""
    tx.execute(
        upsert(told)
        .values(
            guild_id=fact.guild_id,
            kind=fact.kind,
            key=fact.key,
            subject=fact.subject,
            at=fact.at,
        )
        .on_conflict_do_nothing(constraint="kick_told_once")
    )


_LIST_TOLD = text("""
    SELECT guild_id, kind, key, subject, at FROM kick_told
     WHERE guild_id = :guild_id AND kind = :kind AND subject = :subject
       AND at BETWEEN :since AND :until
     ORDER BY at, key
""")


def list_told(
    tx: Connection, guild_id: int, kind: Kind, subject: str, since: datetime, until: datetime
) -> list[Told]:
    """Of one subject, by time; equal times by key, so that the order is always the same."""
    given = {"guild_id": guild_id, "kind": kind, "subject": subject, "since": since, "until": until}
    return [Told(*row) for row in tx.execute(_LIST_TOLD, given)]


def set_subject(tx: Connection, fact: Told, subject: str) -> None:
    """What it is about has become known."""
    same = (told.c.guild_id == fact.guild_id, told.c.kind == fact.kind, told.c.key == fact.key)
    tx.execute(update(told).where(*same).values(subject=subject))


def end_told(tx: Connection, before: datetime) -> int:
    """Forget those for which no witness will come any more."""
    return tx.execute(delete(told).where(told.c.at < before)).rowcount


# -- witnesses ----------------------------------------------------------------------------------


def add_witness(tx: Connection, seen: FeedWitnessed) -> bool:
    """The feed saw it; False when that was known."""
    added = tx.execute(
        upsert(witnesses)
        .values(
            guild_id=seen.guild_id,
            kind=seen.kind,
            key=seen.key,
            subject=seen.subject,
            drop=seen.drop,
            channel_id=seen.channel_id,
            at=seen.at,
            payload=to_json(seen),
        )
        .on_conflict_do_nothing(constraint="kick_witnesses_once")
    )
    return added.rowcount == 1


_LIST_WITNESSES = text("""
    SELECT payload, state, fact_key, number, settled_by, settled_at FROM kick_witnesses
     WHERE guild_id = :guild_id AND kind = :kind AND subject = :subject
       AND at BETWEEN :since AND :until
     ORDER BY at, key
""").columns(payload=witnesses.c.payload.type)


def list_witnesses(
    tx: Connection, guild_id: int, kind: Kind, subject: str, since: datetime, until: datetime
) -> list[Witness]:
    """Of one subject, by time; equal times by key, so that the order is always the same."""
    given = {"guild_id": guild_id, "kind": kind, "subject": subject, "since": since, "until": until}
    return [_witness(row) for row in tx.execute(_LIST_WITNESSES, given)]


_HAS_CREDITED = text("""
    SELECT EXISTS (SELECT FROM kick_witnesses
                    WHERE guild_id = :guild_id AND kind = :kind AND subject = :subject
                      AND state = 'credited')
""")


def has_credited(tx: Connection, guild_id: int, kind: Kind, subject: str) -> bool:
    """Whether anything of this subject was ever credited."""
    given = {"guild_id": guild_id, "kind": kind, "subject": subject}
    return bool(tx.execute(_HAS_CREDITED, given).scalar())


def set_matches(
    tx: Connection, guild_id: int, kind: Kind, matches: Iterable[tuple[str, str | None]]
) -> None:
    """Key of a witness, key of its fact; None gives up the match."""
    for key, fact_key in matches:
        tx.execute(
            update(witnesses)
            .where(*_is(guild_id, kind, key))
            .values(fact_key=fact_key, state="matched" if fact_key else "waiting")
        )


def find_attached(tx: Connection, guild_id: int, kind: Kind, fact_key: str) -> bool:
    """Whether this fact was told late, for a witness that had been credited."""
    return bool(
        tx.execute(
            select(
                exists().where(
                    witnesses.c.guild_id == guild_id,
                    witnesses.c.kind == kind,
                    witnesses.c.fact_key == fact_key,
                    witnesses.c.state == "credited",
                )
            )
        ).scalar()
    )


def set_attached(tx: Connection, guild_id: int, kind: Kind, key: str, fact_key: str) -> None:
    """The webhook came after the credit: this is its fact, and it was counted already."""
    tx.execute(update(witnesses).where(*_is(guild_id, kind, key)).values(fact_key=fact_key))


# The drops that are overdue, in order of time; one of which a part was suspected keeps its number.
# Echoes of gifts are numbered in the same row.
# The rows are found again by their place: by key, the planner looks through the whole of a table
# that has just grown, for each of them. Nobody moves them meanwhile, because of the server's lock.
_SET_SUSPECTED = text("""
    WITH due AS (
        SELECT ctid AS place, kind, drop, at FROM kick_witnesses
         WHERE guild_id = :guild_id AND state = 'waiting' AND at <= :before
    ), known AS (
        SELECT kind, drop, max(number) AS number FROM kick_witnesses
         WHERE guild_id = :guild_id AND number IS NOT NULL
         GROUP BY kind, drop
    ), new AS (
        SELECT kind, drop,
               GREATEST((SELECT COALESCE(max(number), 0) FROM known),
                        (SELECT COALESCE(max(number), 0) FROM kick_parked
                          WHERE guild_id = :guild_id))
               + row_number() OVER (ORDER BY min(at), kind, drop) AS number
          FROM due WHERE (kind, drop) NOT IN (SELECT kind, drop FROM known)
         GROUP BY kind, drop
    )
    UPDATE kick_witnesses w
       SET state = 'suspected', number = named.number
      FROM due JOIN (SELECT * FROM known UNION ALL SELECT * FROM new) named USING (kind, drop)
     WHERE w.ctid = due.place
    RETURNING w.number
""")


def set_suspected(tx: Connection, guild_id: int, before: datetime) -> list[int]:
    """Those that have waited since before this instant; the numbers of their drops."""
    found = tx.execute(_SET_SUSPECTED, {"guild_id": guild_id, "before": before})
    return sorted(set(found.scalars()))


def list_suspected(tx: Connection, guild_id: int) -> list[Witness]:
    """By number."""
    found = tx.execute(
        select(witnesses)
        .where(witnesses.c.guild_id == guild_id, witnesses.c.state == "suspected")
        .order_by(witnesses.c.number, witnesses.c.key)
    )
    return [_witness(row) for row in found]


def list_numbered(tx: Connection, guild_id: int, number: int) -> list[Witness]:
    """All of a drop that were ever suspected, whatever became of them."""
    found = tx.execute(
        select(witnesses)
        .where(witnesses.c.guild_id == guild_id, witnesses.c.number == number)
        .order_by(witnesses.c.key)
    )
    return [_witness(row) for row in found]


def list_waiting(tx: Connection, guild_id: int, most: int) -> list[Witness]:
    """The oldest that have neither a fact nor been suspected."""
    found = tx.execute(
        select(witnesses)
        .where(witnesses.c.guild_id == guild_id, witnesses.c.state == "waiting")
        .order_by(witnesses.c.at, witnesses.c.key)
        .limit(most)
    )
    return [_witness(row) for row in found]


def list_due(tx: Connection, guild_id: int, kind: Kind, before: datetime) -> list[FeedWitnessed]:
    """Those of a kind that still lack their webhook since before this instant, by time."""
    found = tx.execute(
        select(witnesses)
        .where(
            witnesses.c.guild_id == guild_id,
            witnesses.c.kind == kind,
            witnesses.c.state.in_(("waiting", "suspected")),
            witnesses.c.at <= before,
        )
        .order_by(witnesses.c.at, witnesses.c.key)
    )
    return [_witness(row).seen for row in found]


def list_guilds_waiting(tx: Connection) -> list[int]:
    """The servers for which something waits."""
    found = tx.execute(
        select(witnesses.c.guild_id).where(witnesses.c.state == "waiting").distinct()
    )
    return sorted(found.scalars())


def set_settled(
    tx: Connection,
    guild_id: int,
    seen: Sequence[FeedWitnessed],
    state: State,
    actor: int,
    now: datetime,
) -> int:
    """An admin, or the feed as the authority, has decided; how many were still open."""
    kept = 0
    for each in seen:
        kept += tx.execute(
            update(witnesses)
            .where(
                *_is(guild_id, each.kind, each.key),
                witnesses.c.state.in_(("waiting", "suspected")),
            )
            .values(state=state, settled_by=actor, settled_at=now)
        ).rowcount
    return kept


def end_matched(tx: Connection, before: datetime) -> int:
    """Forget those that are counted and whose time is over. Settled ones stay: they are behind
    money."""
    return tx.execute(
        delete(witnesses).where(witnesses.c.state == "matched", witnesses.c.at < before)
    ).rowcount


@dataclass(frozen=True, slots=True)
class Open:
    """How many drops of a server are suspected misses. `oldest_at` is when the first was seen."""

    guild_id: int
    drops: int
    oldest_at: datetime


def list_open(tx: Connection) -> list[Open]:
    """The servers with suspected misses."""
    found = tx.execute(
        select(
            witnesses.c.guild_id,
            func.count(func.distinct(witnesses.c.number)).label("drops"),
            func.min(witnesses.c.at).label("oldest_at"),
        )
        .where(witnesses.c.state == literal("suspected"))
        .group_by(witnesses.c.guild_id)
        .order_by(witnesses.c.guild_id)
    )
    return [Open(**row) for row in found.mappings()]


def _is(guild_id: int, kind: Kind, key: str) -> tuple[Any, ...]:
    return (
        witnesses.c.guild_id == guild_id,
        witnesses.c.kind == kind,
        witnesses.c.key == key,
    )


def _witness(row: Row[Any]) -> Witness:
    seen = from_json(FeedWitnessed, row.payload)
    assert isinstance(seen, FeedWitnessed)
    return Witness(seen, row.state, row.fact_key, row.number, row.settled_by, row.settled_at)
