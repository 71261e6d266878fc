"""The inbox's statements."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.events import Event, to_json
from core.inbox.records import FailedHandler, deliveries, events, retries
from core.kit.database.connection import as_json
from core.kit.database.work import read_records
from core.kit.runtime.clock import utc_now

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A vendor's delivery, unchanged.

    Attributes:
        source: the source, such as `kick.webhook`; selects the translator.
        delivery_id: the sender's own id of this delivery.
        kind: the sender's name of the event, such as `chat.message.sent`.
        lane: deliveries of one lane are handled in order, such as `kick:4377`.
        body: the decoded JSON.
        sent_at: the sender's timestamp.
        id: the row id, once stored.
        received_at: None means now.
        subscription_id: the sender's subscription id.
    """

    source: str
    delivery_id: str
    kind: str
    lane: str
    body: dict[str, Any]
    sent_at: datetime
    id: int = 0
    received_at: datetime | None = None
    subscription_id: str | None = None


_DELIVERIES = select(*(deliveries.c[field.name] for field in fields(Delivery)))
_HEADS = [
    literal({}, JSONB).label("body") if field.name == "body" else deliveries.c[field.name]
    for field in fields(Delivery)
]

# One JSON parameter for all rows costs half as much as parameters per row.
_ADD_DELIVERIES = text("""
    INSERT INTO inbox_deliveries (source, delivery_id, kind, lane, body, sent_at, received_at,
                                  subscription_id)
    SELECT source, delivery_id, kind, lane, body, sent_at, received_at, subscription_id
      FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS r (source text, delivery_id text, kind text, lane text, body jsonb,
              sent_at timestamptz, received_at timestamptz, subscription_id text)
        ON CONFLICT ON CONSTRAINT inbox_deliveries_once DO NOTHING
    RETURNING source, delivery_id
""")


def add_deliveries(tx: Connection, batch: Sequence[Delivery]) -> list[bool]:
    """Store deliveries; False for each whose delivery id is a duplicate."""
    rows = [
        {
            "source": delivery.source,
            "delivery_id": delivery.delivery_id,
            "kind": delivery.kind,
            "lane": delivery.lane,
            "body": delivery.body,
            "sent_at": delivery.sent_at.isoformat(),
            "received_at": (delivery.received_at or utc_now()).isoformat(),
            "subscription_id": delivery.subscription_id,
        }
        for delivery in batch
    ]
    added = tx.execute(_ADD_DELIVERIES, {"rows": json.dumps(rows)})
    added_keys = {(row.source, row.delivery_id) for row in added}
    return [_pop(added_keys, (delivery.source, delivery.delivery_id)) for delivery in batch]


def _pop(added_keys: set[T], key: T) -> bool:
    """Whether the set has the key; removes it."""
    if key not in added_keys:
        return False
    added_keys.remove(key)
    return True


# The oldest waiting delivery of a lane that no other worker has claimed. Its row lock is the lane's
# lock: other workers find the head of the lane locked and skip the lane. The recursive part is a
# loose index scan over the lanes, and the heads are an array, so its cost does not depend on the
# length of the queue.
_CLAIM_LANE = text("""
    WITH RECURSIVE heads AS (
        (SELECT lane, id FROM inbox_deliveries WHERE state = 'waiting' ORDER BY lane, id LIMIT 1)
        UNION ALL
        SELECT next.lane, next.id
          FROM heads, LATERAL (SELECT d.lane, d.id FROM inbox_deliveries d
                                WHERE d.state = 'waiting' AND d.lane > heads.lane
                                ORDER BY d.lane, d.id LIMIT 1) next
    )
    SELECT d.lane FROM inbox_deliveries d
     WHERE d.id = ANY (ARRAY(SELECT id FROM heads)) AND d.state = 'waiting'
     ORDER BY CASE WHEN d.lane = :lane THEN CAST(:rank AS integer) ELSE 0 END, d.id LIMIT 1
       FOR UPDATE SKIP LOCKED
""")


def claim_lane(tx: Connection, *, first: str = "", last: str = "") -> str | None:
    """Lock a lane with waiting deliveries until the transaction ends, the one that has waited
    longest; None if there is none. The lane `first` comes before the others, `last` after them."""
    given = {"lane": first or last, "rank": -1 if first else 1}
    lane: str | None = tx.scalar(_CLAIM_LANE, given)
    return lane


_WAITING = (
    _DELIVERIES.where(deliveries.c.lane == bindparam("lane"), deliveries.c.state == "waiting")
    .order_by(deliveries.c.id)
    .limit(bindparam("limit"))
    .with_for_update()
)


def list_waiting(tx: Connection, lane: str, limit: int) -> list[Delivery]:
    """The oldest waiting deliveries of a claimed lane, in order."""
    return [Delivery(*row) for row in tx.execute(_WAITING, {"lane": lane, "limit": limit}).all()]


_SET_DONE = text("""
    UPDATE inbox_deliveries SET state = 'done', handled_at = :now
     WHERE id = ANY (CAST(:ids AS bigint[])) AND state = 'waiting'
""")


def set_done(tx: Connection, ids: Sequence[int], now: datetime) -> None:
    """Mark deliveries as handled."""
    tx.execute(_SET_DONE, {"ids": list(ids), "now": now})


def set_dead(tx: Connection, delivery: int, error: str) -> None:
    """Keep a delivery that cannot be translated as a dead letter."""
    tx.execute(
        update(deliveries).where(deliveries.c.id == delivery).values(state="dead", error=error)
    )


_ADD_EVENTS = text("""
    INSERT INTO inbox_events (guild_id, event, key, at, delivery)
    SELECT guild_id, event, key, at, delivery
      FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS r (guild_id bigint, event text, key text, at timestamptz, delivery bigint)
        ON CONFLICT ON CONSTRAINT inbox_events_once DO NOTHING
    RETURNING guild_id, event, key
""")


def add_events(tx: Connection, arrived: Sequence[tuple[Event, int]]) -> list[bool]:
    """Store the keys of events, each with its delivery's id; False for each duplicate."""
    if not arrived:
        return []
    rows = [
        {
            "guild_id": event.guild_id,
            "event": type(event).__name__,
            "key": event.key,
            "at": event.at,
            "delivery": delivery,
        }
        for event, delivery in arrived
    ]
    added_keys = set(map(tuple, tx.execute(_ADD_EVENTS, {"rows": as_json(rows)}).all()))
    return [_pop(added_keys, (row["guild_id"], row["event"], row["key"])) for row in rows]


def has_event(tx: Connection, event: Event) -> bool:
    """Whether the event was stored before."""
    known = select(events.c.key).where(
        events.c.guild_id == event.guild_id,
        events.c.event == type(event).__name__,
        events.c.key == event.key,
    )
    return tx.execute(known).first() is not None


def add_retry(tx: Connection, event: Event, handler: str, try_at: datetime, error: str) -> None:
    """Schedule the first retry of a failed handler."""
    tx.execute(
        insert(retries).values(
            guild_id=event.guild_id,
            event=type(event).__name__,
            key=event.key,
            handler=handler,
            payload=to_json(event),
            try_at=try_at,
            error=error,
        )
    )


def claim_retry(tx: Connection, now: datetime) -> FailedHandler | None:
    """Lock the retry that has been due longest until the transaction ends."""
    due = (
        select(FailedHandler)
        .where(FailedHandler.state == "waiting", FailedHandler.try_at <= now)
        .order_by(FailedHandler.try_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return next(iter(read_records(tx, due)), None)


def delete_retry(tx: Connection, retry: int) -> None:
    """The handler has succeeded."""
    tx.execute(delete(retries).where(retries.c.id == retry))


def set_retry_failed(
    tx: Connection, retry: int, *, try_at: datetime, error: str, dead: bool
) -> None:
    """The handler failed again: retry it later, or make it a dead letter."""
    tx.execute(
        update(retries)
        .where(retries.c.id == retry)
        .values(
            attempts=retries.c.attempts + 1,
            try_at=try_at,
            error=error,
            state="dead" if dead else "waiting",
        )
    )


_COUNTS = text("""
    SELECT (SELECT count(*) FROM inbox_deliveries WHERE state = 'waiting') AS waiting,
           (SELECT min(received_at) FROM inbox_deliveries WHERE state = 'waiting') AS oldest_at,
           (SELECT count(*) FROM inbox_retries WHERE state = 'waiting') AS retrying,
           (SELECT count(*) FROM inbox_deliveries WHERE state = 'dead')
         + (SELECT count(*) FROM inbox_retries WHERE state = 'dead') AS dead,
           COALESCE((SELECT error FROM inbox_retries WHERE state = 'dead'
                      ORDER BY id DESC LIMIT 1),
                    (SELECT error FROM inbox_deliveries WHERE state = 'dead'
                      ORDER BY id DESC LIMIT 1)) AS dead_error
""")


def get_counts(tx: Connection) -> Row[Any]:
    """How many deliveries wait, are retried and are dead letters."""
    return tx.execute(_COUNTS).one()


_FIND_NEWEST = text("""
    SELECT max(newest.received_at)
      FROM unnest(CAST(:lanes AS text[])) AS lanes (lane),
   LATERAL (SELECT d.received_at FROM inbox_deliveries d
             WHERE d.source = :source AND d.lane = lanes.lane
             ORDER BY d.received_at DESC LIMIT 1) newest
""")


def find_newest(tx: Connection, source: str, lanes: Sequence[str]) -> datetime | None:
    """When this source last sent anything in one of these lanes."""
    newest: datetime | None = tx.scalar(_FIND_NEWEST, {"source": source, "lanes": list(lanes)})
    return newest


def list_newest(
    tx: Connection,
    source: str,
    lane: str,
    limit: int,
    *,
    kind: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Delivery]:
    """The last deliveries of this source in a lane, newest first, without their bodies."""
    newest = _newest(source, lane).with_only_columns(*_HEADS)
    if kind:
        newest = newest.where(deliveries.c.kind == kind)
    if since is not None:
        newest = newest.where(deliveries.c.received_at >= since)
    if until is not None:
        newest = newest.where(deliveries.c.received_at < until)
    return [Delivery(*row) for row in tx.execute(newest.limit(limit))]


def count_since(
    tx: Connection, source: str, lanes: Sequence[str], since: datetime, maximum: int
) -> int:
    """How many deliveries of this source came in these lanes, counted up to `maximum`."""
    ours = (deliveries.c.source == source) & deliveries.c.lane.in_(lanes)
    found = select(deliveries.c.id).where(ours, deliveries.c.received_at >= since).limit(maximum)
    return tx.scalar(select(func.count()).select_from(found.subquery())) or 0


def find_delivery(
    tx: Connection, source: str, lanes: Sequence[str], delivery_id: str
) -> Delivery | None:
    """One of these lanes by the sender's id."""
    same = (deliveries.c.source == source) & (deliveries.c.delivery_id == delivery_id)
    row = tx.execute(_DELIVERIES.where(same, deliveries.c.lane.in_(lanes))).first()
    return Delivery(*row) if row else None


_NEWEST_OF_KINDS = text("""
    SELECT kinds.kind, newest.received_at
      FROM unnest(CAST(:kinds AS text[])) AS kinds (kind),
   LATERAL (SELECT d.received_at FROM inbox_deliveries d
             WHERE d.source = :source AND d.lane = :lane AND d.kind = kinds.kind
             ORDER BY d.received_at DESC LIMIT 1) newest
""")


def list_newest_of_kinds(
    tx: Connection, source: str, lane: str, kinds: Sequence[str]
) -> dict[str, datetime]:
    """Kind -> when it last came, of those that came."""
    given = {"source": source, "lane": lane, "kinds": list(kinds)}
    return {row.kind: row.received_at for row in tx.execute(_NEWEST_OF_KINDS, given)}


def find_newest_of_kind(tx: Connection, source: str, lane: str, kind: str) -> Delivery | None:
    """The last delivery of this source and kind in a lane."""
    row = tx.execute(_newest(source, lane).where(deliveries.c.kind == kind).limit(1)).first()
    return Delivery(*row) if row else None


def _newest(source: str, lane: str) -> Select[Any]:
    """Newest first."""
    same = (deliveries.c.source == source, deliveries.c.lane == lane)
    return _DELIVERIES.where(*same).order_by(deliveries.c.received_at.desc())


def find_newest_since(
    tx: Connection, source: str, lane: str, kind: str, since: datetime
) -> datetime | None:
    """When this source last sent this kind of delivery in this lane, if that was after `since`."""
    newest = _newest(source, lane).with_only_columns(deliveries.c.received_at)
    is_it = (deliveries.c.kind == kind, deliveries.c.received_at > since)
    return tx.scalar(newest.where(*is_it).limit(1))


def delete_deliveries(tx: Connection, kind: str, before: datetime, maximum: int) -> int:
    """Delete up to `maximum` handled deliveries of a kind that were both sent and received before
    then (by two clocks); returns how many. Waiting deliveries and dead letters stay."""
    old = (
        select(deliveries.c.id)
        .where(
            deliveries.c.kind == kind,
            deliveries.c.state == "done",
            deliveries.c.received_at < before,
            deliveries.c.sent_at < before,
        )
        .order_by(deliveries.c.received_at)
        .limit(maximum)
    )
    return tx.execute(delete(deliveries).where(deliveries.c.id.in_(old))).rowcount


_DELETE_EVENTS = text("""
    DELETE FROM inbox_events WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM inbox_events
         WHERE event = :event AND at < :before ORDER BY at LIMIT :maximum))
""")


def delete_events(tx: Connection, event: str, before: datetime, maximum: int) -> int:
    """Delete the keys of up to `maximum` events of a kind from before then; returns how many. Old
    duplicates must be rejected by their age."""
    return tx.execute(
        _DELETE_EVENTS, {"event": event, "before": before, "maximum": maximum}
    ).rowcount
