"""The inbox's statements."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.events.base import Event, to_json
from core.inbox.tables import deliveries, facts, retries
from core.kit.clock import utc_now

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something the outside told us, as it came.

    Attributes:
        source: who told us, such as `kick.webhook`; names the translator.
        delivery_id: the sender's own id of this delivery.
        kind: the sender's name for what it tells, such as `chat.message.sent`.
        lane: deliveries of one lane are handled in order, such as `kick:4377`.
        body: the decoded JSON.
        sent_at: when the sender says it sent it.
        id: our own number, once stored.
        received_at: when it came; None: now.
        subscription_id: by which subscription it came, as the sender says.
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


@dataclass(frozen=True, slots=True)
class Retry:
    """An event on which one hearer failed."""

    id: int
    guild_id: int
    event: str
    key: str
    hearer: str
    payload: dict[str, Any]
    attempts: int


# All of them in one parameter: a row costs half as much as with parameters of its own.
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
    """Write them down; False for each whose delivery id was already here, or came twice."""
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
    news = {(row.source, row.delivery_id) for row in added}
    return [_take(news, (delivery.source, delivery.delivery_id)) for delivery in batch]


def _take(news: set[T], key: T) -> bool:
    """True for the first who asks."""
    if key not in news:
        return False
    news.remove(key)
    return True


# The oldest waiting delivery of some lane that nobody else is working on. Its row lock is the
# lane's lock: the others see it as the lane's head, find it locked and go to another lane.
# The recursive part hops from lane to lane over the index, so a long queue costs nothing.
_CLAIM_LANE = text("""
    WITH RECURSIVE lanes AS (
        (SELECT lane FROM inbox_deliveries WHERE state = 'waiting' ORDER BY lane LIMIT 1)
        UNION ALL
        SELECT (SELECT d.lane FROM inbox_deliveries d
                 WHERE d.state = 'waiting' AND d.lane > lanes.lane ORDER BY d.lane LIMIT 1)
          FROM lanes WHERE lanes.lane IS NOT NULL
    ), heads AS (
        SELECT (SELECT d.id FROM inbox_deliveries d
                 WHERE d.state = 'waiting' AND d.lane = lanes.lane ORDER BY d.id LIMIT 1) AS id
          FROM lanes WHERE lanes.lane IS NOT NULL
    )
    SELECT d.lane FROM inbox_deliveries d
     WHERE d.id IN (SELECT id FROM heads) AND d.state = 'waiting'
     ORDER BY d.id LIMIT 1
       FOR UPDATE SKIP LOCKED
""")


def claim_lane(tx: Connection) -> str | None:
    """A lane with waiting deliveries, ours until the transaction ends; None when all is done."""
    lane: str | None = tx.execute(_CLAIM_LANE).scalar()
    return lane


def list_waiting(tx: Connection, lane: str, limit: int) -> list[Delivery]:
    """The oldest waiting deliveries of a claimed lane, in order."""
    found = tx.execute(
        select(deliveries)
        .where(deliveries.c.lane == lane, deliveries.c.state == "waiting")
        .order_by(deliveries.c.id)
        .limit(limit)
        .with_for_update()
    )
    return [_delivery(row) for row in found]


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        row.source,
        row.delivery_id,
        row.kind,
        row.lane,
        row.body,
        row.sent_at,
        id=row.id,
        received_at=row.received_at,
        subscription_id=row.subscription_id,
    )


def set_done(tx: Connection, ids: Sequence[int], now: datetime) -> None:
    """These deliveries have had their effects."""
    tx.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(ids), deliveries.c.state == "waiting")
        .values(state="done", handled_at=now)
    )


def set_shelved(tx: Connection, delivery: int, error: str) -> None:
    """This delivery cannot be understood; keep it for somebody to look at."""
    tx.execute(
        update(deliveries).where(deliveries.c.id == delivery).values(state="shelved", error=error)
    )


_ADD_FACTS = (
    upsert(facts)
    .on_conflict_do_nothing(constraint="inbox_facts_once")
    .returning(facts.c.guild_id, facts.c.event, facts.c.key)
)


def add_facts(tx: Connection, told: Sequence[tuple[Event, int]]) -> list[bool]:
    """Remember facts, each with the number of the delivery that told it; False for each that was
    already known, under whatever delivery."""
    if not told:
        return []
    rows = [
        {
            "guild_id": event.guild_id,
            "event": type(event).__name__,
            "key": event.key,
            "at": event.at,
            "delivery": delivery,
        }
        for event, delivery in told
    ]
    news = {(row.guild_id, row.event, row.key) for row in tx.execute(_ADD_FACTS, rows)}
    return [_take(news, (row["guild_id"], row["event"], row["key"])) for row in rows]


def has_fact(tx: Connection, event: Event) -> bool:
    """Whether the fact is known already."""
    known = select(facts.c.key).where(
        facts.c.guild_id == event.guild_id,
        facts.c.event == type(event).__name__,
        facts.c.key == event.key,
    )
    return tx.execute(known).first() is not None


def add_retry(tx: Connection, event: Event, hearer: str, try_at: datetime, error: str) -> None:
    """This hearer failed on the event and is to hear it again."""
    tx.execute(
        insert(retries).values(
            guild_id=event.guild_id,
            event=type(event).__name__,
            key=event.key,
            hearer=hearer,
            payload=to_json(event),
            try_at=try_at,
            error=error,
        )
    )


def claim_retry(tx: Connection, now: datetime) -> Retry | None:
    """The retry that is due longest, ours until the transaction ends."""
    row = tx.execute(
        select(retries)
        .where(retries.c.state == "waiting", retries.c.try_at <= now)
        .order_by(retries.c.try_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    return Retry(row.id, row.guild_id, row.event, row.key, row.hearer, row.payload, row.attempts)


def end_retry(tx: Connection, retry: int) -> None:
    """The hearer has heard it now."""
    tx.execute(delete(retries).where(retries.c.id == retry))


def set_retry_failed(
    tx: Connection, retry: int, *, try_at: datetime, error: str, shelve: bool
) -> None:
    """It failed once more: later, or on the shelf."""
    tx.execute(
        update(retries)
        .where(retries.c.id == retry)
        .values(
            attempts=retries.c.attempts + 1,
            try_at=try_at,
            error=error,
            state="shelved" if shelve else "waiting",
        )
    )


def set_shelf_waiting(tx: Connection, now: datetime, guild_id: int | None = None) -> int:
    """Take off the shelf what one server's hearers failed on, or everybody's; returns how many.

    Deliveries that could not be understood belong to no server yet and are always tried again.
    """
    understood_again = (
        update(deliveries)
        .where(deliveries.c.state == "shelved")
        .values(state="waiting", error=None)
    )
    heard_again = (
        update(retries)
        .where(retries.c.state == "shelved")
        .values(state="waiting", attempts=0, try_at=now)
    )
    if guild_id is not None:
        heard_again = heard_again.where(retries.c.guild_id == guild_id)
    return tx.execute(understood_again).rowcount + tx.execute(heard_again).rowcount


@dataclass(frozen=True, slots=True)
class Counts:
    """How the inbox stands. `oldest_at` is when the oldest waiting delivery came."""

    waiting: int
    oldest_at: datetime | None
    retrying: int
    shelved: int
    shelved_error: str | None


_COUNTS = text("""
    SELECT (SELECT count(*) FROM inbox_deliveries WHERE state = 'waiting') AS waiting,
           (SELECT min(received_at) FROM inbox_deliveries WHERE state = 'waiting') AS oldest_at,
           (SELECT count(*) FROM inbox_retries WHERE state = 'waiting') AS retrying,
           (SELECT count(*) FROM inbox_deliveries WHERE state = 'shelved')
         + (SELECT count(*) FROM inbox_retries WHERE state = 'shelved') AS shelved,
           COALESCE((SELECT error FROM inbox_retries WHERE state = 'shelved'
                      ORDER BY id DESC LIMIT 1),
                    (SELECT error FROM inbox_deliveries WHERE state = 'shelved'
                      ORDER BY id DESC LIMIT 1)) AS shelved_error
""")


def get_counts(tx: Connection) -> Counts:
    """How many wait, fail and lie on the shelf."""
    return Counts(**tx.execute(_COUNTS).mappings().one())


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a server's hearers failed on. `error` is the newest reason."""

    guild_id: int
    retrying: int
    shelved: int
    error: str


_LIST_TROUBLES = text("""
    SELECT guild_id,
           count(*) FILTER (WHERE state = 'waiting') AS retrying,
           count(*) FILTER (WHERE state = 'shelved') AS shelved,
           (array_agg(error ORDER BY id DESC))[1] AS error
      FROM inbox_retries GROUP BY guild_id ORDER BY guild_id
""")


def list_troubles(tx: Connection) -> list[Trouble]:
    """The servers whose hearers fail on something."""
    return [Trouble(**row) for row in tx.execute(_LIST_TROUBLES).mappings()]


_FIND_NEWEST = text("""
    SELECT max(newest.received_at)
      FROM unnest(CAST(:lanes AS text[])) AS lanes (lane),
   LATERAL (SELECT d.received_at FROM inbox_deliveries d
             WHERE d.source = :source AND d.lane = lanes.lane
             ORDER BY d.received_at DESC LIMIT 1) newest
""")


def find_newest(tx: Connection, source: str, lanes: Sequence[str]) -> datetime | None:
    """When this source last told us anything in one of these lanes."""
    newest: datetime | None = tx.execute(
        _FIND_NEWEST, {"source": source, "lanes": list(lanes)}
    ).scalar()
    return newest


def list_newest(tx: Connection, source: str, lane: str, limit: int) -> list[Delivery]:
    """What this source told last in a lane, the newest first."""
    found = tx.execute(
        select(deliveries)
        .where(deliveries.c.source == source, deliveries.c.lane == lane)
        .order_by(deliveries.c.received_at.desc())
        .limit(limit)
    )
    return [_delivery(row) for row in found]


def find_newest_of_kind(tx: Connection, source: str, lane: str, kind: str) -> Delivery | None:
    """What this source told last of a kind in a lane."""
    row = tx.execute(
        select(deliveries)
        .where(deliveries.c.kind == kind, deliveries.c.source == source, deliveries.c.lane == lane)
        .order_by(deliveries.c.received_at.desc())
        .limit(1)
    ).first()
    return _delivery(row) if row else None


def find_heard(
    tx: Connection, source: str, lane: str, kind: str, since: datetime
) -> datetime | None:
    """When this source last told something of this kind in this lane, if it did after `since`."""
    heard: datetime | None = tx.execute(
        select(deliveries.c.received_at)
        .where(
            deliveries.c.source == source,
            deliveries.c.lane == lane,
            deliveries.c.kind == kind,
            deliveries.c.received_at > since,
        )
        .order_by(deliveries.c.received_at.desc())
        .limit(1)
    ).scalar()
    return heard


def end_deliveries(tx: Connection, kind: str, before: datetime, most: int) -> int:
    """Forget up to `most` handled deliveries of a kind that were sent and came before then, which
    two clocks tell; returns how many.

    What waits, or lies on the shelf, stays.
    """
    old = (
        select(deliveries.c.id)
        .where(
            deliveries.c.kind == kind,
            deliveries.c.state == "done",
            deliveries.c.received_at < before,
            deliveries.c.sent_at < before,
        )
        .order_by(deliveries.c.received_at)
        .limit(most)
    )
    return tx.execute(delete(deliveries).where(deliveries.c.id.in_(old))).rowcount


_END_FACTS = text("""
    DELETE FROM inbox_facts WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM inbox_facts WHERE event = :event AND at < :before ORDER BY at LIMIT :most))
""")


def end_facts(tx: Connection, event: str, before: datetime, most: int) -> int:
    """Forget up to `most` facts of a kind that happened before then; returns how many. Their
    doubles must be sure to be refused for their age by now."""
    return tx.execute(_END_FACTS, {"event": event, "before": before, "most": most}).rowcount
