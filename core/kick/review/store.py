"""The statements about unconfirmed events and their confirmations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.events.base import from_json, to_json
from core.kick.review.events import FeedReport
from core.kick.review.rules import Kind, State
from core.kick.review.tables import confirmations, unconfirmed
from core.kit.database import cache_of

THE_FEED = 0
"""The actor of a credit without an admin, where the feed is the authority."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """An event that came by webhook."""

    guild_id: int
    kind: Kind
    key: str
    subject: str
    at: datetime


@dataclass(frozen=True, slots=True)
class UnconfirmedEvent:
    """An event that the feed reported, and its state.

    Attributes:
        webhook_key: of the event that confirms it.
        number: in the review queue.
        settled_by: Discord id of the admin; `THE_FEED` where the feed is the authority.
    """

    seen: FeedReport
    state: State
    webhook_key: str | None
    number: int | None
    settled_by: int | None
    settled_at: datetime | None


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def lock(tx: Connection, guild_id: int) -> None:
    """Let only one transaction at a time match or decide for this server."""
    note = ("kick.review.lock", guild_id)
    if note not in cache_of(tx):
        tx.execute(_LOCK, {"name": f"kick.review:{guild_id}"})
        cache_of(tx)[note] = True


# -- confirmations ------------------------------------------------------------------------------


def add_confirmation(tx: Connection, fact: Confirmation) -> None:
    """A webhook brought it."""
    tx.execute(
        upsert(confirmations)
        .values(
            guild_id=fact.guild_id,
            kind=fact.kind,
            key=fact.key,
            subject=fact.subject,
            at=fact.at,
        )
        .on_conflict_do_nothing(constraint="kick_confirmations_once")
    )


_LIST_TOLD = text("""
    SELECT guild_id, kind, key, subject, at FROM kick_confirmations
     WHERE guild_id = :guild_id AND kind = :kind AND subject = :subject
       AND at BETWEEN :since AND :until
     ORDER BY at, key
""")


def list_confirmations(
    tx: Connection, guild_id: int, kind: Kind, subject: str, since: datetime, until: datetime
) -> list[Confirmation]:
    """Of one subject, by time; equal times by key, so that the order is always the same."""
    given = {"guild_id": guild_id, "kind": kind, "subject": subject, "since": since, "until": until}
    return [Confirmation(*row) for row in tx.execute(_LIST_TOLD, given)]


def set_subject(tx: Connection, fact: Confirmation, subject: str) -> None:
    """Its giftee has become known."""
    same = (
        confirmations.c.guild_id == fact.guild_id,
        confirmations.c.kind == fact.kind,
        confirmations.c.key == fact.key,
    )
    tx.execute(update(confirmations).where(*same).values(subject=subject))


def delete_confirmations(tx: Connection, before: datetime) -> int:
    """Delete those that the feed will no longer report."""
    return tx.execute(delete(confirmations).where(confirmations.c.at < before)).rowcount


# -- unconfirmed events -------------------------------------------------------------------------


def add_unconfirmed(tx: Connection, seen: FeedReport) -> bool:
    """The feed reported it; False if it is a repeat."""
    added = tx.execute(
        upsert(unconfirmed)
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
        .on_conflict_do_nothing(constraint="kick_unconfirmed_events_once")
    )
    return added.rowcount == 1


_LIST_WITNESSES = text("""
    SELECT payload, state, webhook_key, number, settled_by, settled_at FROM kick_unconfirmed_events
     WHERE guild_id = :guild_id AND kind = :kind AND subject = :subject
       AND at BETWEEN :since AND :until
     ORDER BY at, key
""").columns(payload=unconfirmed.c.payload.type)


def list_unconfirmed(
    tx: Connection, guild_id: int, kind: Kind, subject: str, since: datetime, until: datetime
) -> list[UnconfirmedEvent]:
    """Of one subject, by time; equal times by key, so that the order is always the same."""
    given = {"guild_id": guild_id, "kind": kind, "subject": subject, "since": since, "until": until}
    return [_unconfirmed(row) for row in tx.execute(_LIST_WITNESSES, given)]


_HAS_CREDITED = text("""
    SELECT EXISTS (SELECT FROM kick_unconfirmed_events
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
    """Pairs of an unconfirmed event's key and its webhook's key, None to undo the match."""
    for key, webhook_key in matches:
        tx.execute(
            update(unconfirmed)
            .where(*_is(guild_id, kind, key))
            .values(webhook_key=webhook_key, state="matched" if webhook_key else "waiting")
        )


def is_attached(tx: Connection, guild_id: int, kind: Kind, webhook_key: str) -> bool:
    """Whether this webhook's event belongs to a credited one."""
    return bool(
        tx.execute(
            select(
                exists().where(
                    unconfirmed.c.guild_id == guild_id,
                    unconfirmed.c.kind == kind,
                    unconfirmed.c.webhook_key == webhook_key,
                    unconfirmed.c.state == "credited",
                )
            )
        ).scalar()
    )


def attach(tx: Connection, guild_id: int, kind: Kind, key: str, webhook_key: str) -> None:
    """The webhook came after the credit, so its event has counted already."""
    tx.execute(update(unconfirmed).where(*_is(guild_id, kind, key)).values(webhook_key=webhook_key))


# Overdue drops by time; a partly queued drop keeps its number. Duplicates share the numbers.
# Rows are joined by ctid, because on a table without statistics the planner would scan all of
# it for each key; the server's lock keeps them in place.
_SET_SUSPECTED = text("""
    WITH due AS (
        SELECT ctid AS place, kind, drop, at FROM kick_unconfirmed_events
         WHERE guild_id = :guild_id AND state = 'waiting' AND at <= :before
    ), known AS (
        SELECT kind, drop, max(number) AS number FROM kick_unconfirmed_events
         WHERE guild_id = :guild_id AND number IS NOT NULL
         GROUP BY kind, drop
    ), new AS (
        SELECT kind, drop,
               GREATEST((SELECT COALESCE(max(number), 0) FROM known),
                        (SELECT COALESCE(max(number), 0) FROM kick_duplicates
                          WHERE guild_id = :guild_id))
               + row_number() OVER (ORDER BY min(at), kind, drop) AS number
          FROM due WHERE (kind, drop) NOT IN (SELECT kind, drop FROM known)
         GROUP BY kind, drop
    )
    UPDATE kick_unconfirmed_events w
       SET state = 'suspected', number = named.number
      FROM due JOIN (SELECT * FROM known UNION ALL SELECT * FROM new) named USING (kind, drop)
     WHERE w.ctid = due.place
    RETURNING w.number
""")


def set_suspected(tx: Connection, guild_id: int, before: datetime) -> list[int]:
    """Queue those that have waited longer; returns the numbers of their drops."""
    found = tx.execute(_SET_SUSPECTED, {"guild_id": guild_id, "before": before})
    return sorted(set(found.scalars()))


def list_suspected(tx: Connection, guild_id: int) -> list[UnconfirmedEvent]:
    """By number."""
    found = tx.execute(
        select(unconfirmed)
        .where(unconfirmed.c.guild_id == guild_id, unconfirmed.c.state == "suspected")
        .order_by(unconfirmed.c.number, unconfirmed.c.key)
    )
    return [_unconfirmed(row) for row in found]


def list_numbered(tx: Connection, guild_id: int, number: int) -> list[UnconfirmedEvent]:
    """All with this number, open or decided."""
    found = tx.execute(
        select(unconfirmed)
        .where(unconfirmed.c.guild_id == guild_id, unconfirmed.c.number == number)
        .order_by(unconfirmed.c.key)
    )
    return [_unconfirmed(row) for row in found]


def list_waiting(tx: Connection, guild_id: int, most: int) -> list[UnconfirmedEvent]:
    """The oldest that are neither confirmed nor queued."""
    found = tx.execute(
        select(unconfirmed)
        .where(unconfirmed.c.guild_id == guild_id, unconfirmed.c.state == "waiting")
        .order_by(unconfirmed.c.at, unconfirmed.c.key)
        .limit(most)
    )
    return [_unconfirmed(row) for row in found]


def list_due(tx: Connection, guild_id: int, kind: Kind, before: datetime) -> list[FeedReport]:
    """Those of a kind that have lacked a webhook since before this instant, by time."""
    found = tx.execute(
        select(unconfirmed)
        .where(
            unconfirmed.c.guild_id == guild_id,
            unconfirmed.c.kind == kind,
            unconfirmed.c.state.in_(("waiting", "suspected")),
            unconfirmed.c.at <= before,
        )
        .order_by(unconfirmed.c.at, unconfirmed.c.key)
    )
    return [_unconfirmed(row).seen for row in found]


def list_guilds_waiting(tx: Connection) -> list[int]:
    """The servers for which something waits."""
    found = tx.execute(
        select(unconfirmed.c.guild_id).where(unconfirmed.c.state == "waiting").distinct()
    )
    return sorted(found.scalars())


def set_settled(
    tx: Connection,
    guild_id: int,
    seen: Sequence[FeedReport],
    state: State,
    actor: int,
    now: datetime,
) -> int:
    """An admin has decided, or the feed is the authority; returns how many were still open."""
    kept = 0
    for each in seen:
        kept += tx.execute(
            update(unconfirmed)
            .where(
                *_is(guild_id, each.kind, each.key),
                unconfirmed.c.state.in_(("waiting", "suspected")),
            )
            .values(state=state, settled_by=actor, settled_at=now)
        ).rowcount
    return kept


def delete_confirmed(tx: Connection, before: datetime) -> int:
    """Delete old confirmed ones. Decided ones stay: tickets depend on them."""
    return tx.execute(
        delete(unconfirmed).where(unconfirmed.c.state == "matched", unconfirmed.c.at < before)
    ).rowcount


@dataclass(frozen=True, slots=True)
class Open:
    """How many drops of a server wait for a decision, and when the first happened."""

    guild_id: int
    drops: int
    oldest_at: datetime


def list_open(tx: Connection) -> list[Open]:
    """The servers with missed events in the queue."""
    found = tx.execute(
        select(
            unconfirmed.c.guild_id,
            func.count(func.distinct(unconfirmed.c.number)).label("drops"),
            func.min(unconfirmed.c.at).label("oldest_at"),
        )
        .where(unconfirmed.c.state == literal("suspected"))
        .group_by(unconfirmed.c.guild_id)
        .order_by(unconfirmed.c.guild_id)
    )
    return [Open(**row) for row in found.mappings()]


def _is(guild_id: int, kind: Kind, key: str) -> tuple[Any, ...]:
    return (
        unconfirmed.c.guild_id == guild_id,
        unconfirmed.c.kind == kind,
        unconfirmed.c.key == key,
    )


def _unconfirmed(row: Row[Any]) -> UnconfirmedEvent:
    seen = from_json(FeedReport, row.payload)
    assert isinstance(seen, FeedReport)
    return UnconfirmedEvent(
        seen, row.state, row.webhook_key, row.number, row.settled_by, row.settled_at
    )
