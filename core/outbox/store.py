"""The outbox's statements."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.outbox.records import messages

LEASE = timedelta(seconds=20)
"""A message whose lease was not renewed for this long belongs to a process that died."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that the sender has claimed.

    Attributes:
        target: where to, in the transport's terms.
        attempts: including the current one.
        unsure: an earlier attempt may have succeeded; confirm before repeating.
        first_sending_at: when the first attempt began.
        lease: identifies the claim; a later claim has another one.
    """

    id: int
    guild_id: int
    key: str
    service: str
    lane: str
    target: dict[str, Any]
    kind: str
    payload: dict[str, Any]
    attempts: int
    unsure: bool
    posted_at: datetime
    first_sending_at: datetime
    lease: str


def add_message(
    tx: Connection,
    *,
    guild_id: int,
    key: str,
    service: str,
    lane: str,
    target: dict[str, Any],
    kind: str,
    payload: dict[str, Any],
    after_seconds: float = 0,
) -> bool:
    """Post a message, to be sent after so many seconds; False if its key was already posted."""
    added = tx.execute(
        upsert(messages)
        .values(
            guild_id=guild_id,
            key=key,
            service=service,
            lane=lane,
            target=target,
            kind=kind,
            payload=payload,
            try_at=func.now() + timedelta(seconds=after_seconds),
        )
        .on_conflict_do_nothing(constraint="outbox_messages_once")
    )
    return added.rowcount == 1


def add_messages(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Post many messages; those whose key was already posted stay as they are."""
    tx.execute(
        upsert(messages).on_conflict_do_nothing(constraint="outbox_messages_once"),
        [dict(row) for row in rows],
    )


# The head of each lane that is due, or whose lease has expired. One statement finds and claims it;
# the lane's next message waits for it. Leases use the database's clock, because the clocks of
# several machines differ.
_CLAIM = text("""
    WITH RECURSIVE lanes AS (
        (SELECT lane FROM outbox_messages
          WHERE state IN ('waiting', 'sending') ORDER BY lane LIMIT 1)
        UNION ALL
        SELECT (SELECT m.lane FROM outbox_messages m
                 WHERE m.state IN ('waiting', 'sending') AND m.lane > lanes.lane
                 ORDER BY m.lane LIMIT 1)
          FROM lanes WHERE lanes.lane IS NOT NULL
    ), heads AS (
        SELECT (SELECT m.id FROM outbox_messages m
                 WHERE m.state IN ('waiting', 'sending') AND m.lane = lanes.lane
                 ORDER BY m.id LIMIT 1) AS id
          FROM lanes WHERE lanes.lane IS NOT NULL
    ), due AS (
        SELECT m.id FROM outbox_messages m
         WHERE m.id IN (SELECT id FROM heads)
           AND ((m.state = 'waiting' AND m.try_at <= :now)
                OR (m.state = 'sending'
                    AND m.sending_at < clock_timestamp() - CAST(:lasts AS interval)
                    AND m.id <> ALL(CAST(:active AS bigint[]))))
         ORDER BY m.id LIMIT :most
           FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox_messages m
       SET state = 'sending',
           sending_at = clock_timestamp(),
           lease = :lease,
           first_sending_at = COALESCE(m.first_sending_at, :now),
           attempts = m.attempts + 1,
           unsure = m.unsure OR m.state = 'sending'
      FROM due WHERE m.id = due.id
    RETURNING m.id, m.guild_id, m.key, m.service, m.lane, m.target, m.kind, m.payload,
              m.attempts, m.unsure, m.posted_at, m.first_sending_at, m.lease
""")


def claim_due(
    tx: Connection, now: datetime, most: int, active: Collection[int] = ()
) -> list[Outgoing]:
    """Claim up to `most` messages, each the head of its lane, except those that the caller is still
    sending (`active`)."""
    given = {"now": now, "most": most, "active": list(active), "lasts": LEASE}
    found = tx.execute(_CLAIM, {**given, "lease": token_urlsafe(12)})
    return sorted((Outgoing(**row) for row in found.mappings()), key=lambda m: m.id)


_RENEW = text("""
    UPDATE outbox_messages m SET sending_at = clock_timestamp()
      FROM unnest(CAST(:ids AS bigint[]), CAST(:leases AS text[])) AS held (id, lease)
     WHERE m.id = held.id AND m.lease = held.lease AND m.state = 'sending'
    RETURNING m.id
""")


def renew_leases(tx: Connection, held: Sequence[Outgoing]) -> set[int]:
    """Renew these leases; returns the ids of the messages that are still leased."""
    given = {"ids": [one.id for one in held], "leases": [one.lease for one in held]}
    return set(tx.execute(_RENEW, given).scalars())


@dataclass(frozen=True, slots=True)
class Follower:
    """A message that waits behind another in its lane."""

    id: int
    guild_id: int
    kind: str
    payload: dict[str, Any]
    target: dict[str, Any]
    carried_by: int | None


def list_followers(tx: Connection, message: Outgoing, most: int) -> list[Follower]:
    """The next messages of the lane, in order."""
    found = tx.execute(
        select(
            messages.c.id,
            messages.c.guild_id,
            messages.c.kind,
            messages.c.payload,
            messages.c.target,
            messages.c.carried_by,
        )
        .where(
            messages.c.lane == message.lane,
            messages.c.id > message.id,
            messages.c.state == "waiting",
        )
        .order_by(messages.c.id)
        .limit(most)
    )
    return [Follower(**row) for row in found.mappings()]


def set_carried(tx: Connection, followers: Sequence[int], by: int) -> None:
    """These messages are included in that one and share its outcome. Stored before it is sent, so
    that a repetition has the same text."""
    tx.execute(update(messages).where(messages.c.id.in_(followers)).values(carried_by=by))


def set_sent(tx: Connection, message: Outgoing, now: datetime, receipt: dict[str, Any]) -> bool:
    """Mark the message, and those it includes, as sent. False if the lease was lost."""
    return _end(tx, message, state="sent", sent_at=now, receipt=receipt, unsure=False, error=None)


def set_dead(tx: Connection, message: Outgoing, error: str) -> bool:
    """Make the message, and those it includes, dead letters; the lane continues without them. False
    if the lease was lost."""
    return _end(tx, message, state="dead", error=error)


def set_waiting(
    tx: Connection, message: Outgoing, *, try_at: datetime, error: str, unsure: bool
) -> bool:
    """Schedule another attempt. False if the lease was lost."""
    later = (
        update(messages)
        .where(_leased(message))
        .values(state="waiting", try_at=try_at, error=error, unsure=unsure)
    )
    return tx.execute(later).rowcount == 1


def _end(tx: Connection, message: Outgoing, **values: Any) -> bool:
    own = update(messages).where(_leased(message)).values(**values).returning(messages.c.id).cte()
    carried = (
        update(messages)
        .where(messages.c.carried_by.in_(select(own.c.id)))
        .values(**values)
        .returning(messages.c.id)
        .cte()
    )
    return tx.execute(select(own.c.id).add_cte(carried)).first() is not None


def _leased(message: Outgoing) -> ColumnElement[bool]:
    return and_(
        messages.c.id == message.id,
        messages.c.lease == message.lease,
        messages.c.state == "sending",
    )


_SET_WITHDRAWN = text("""
    UPDATE outbox_messages
       SET state = 'sent', sent_at = now(), receipt = '{"skipped": "withdrawn"}', error = NULL
     WHERE guild_id = :guild_id AND key = ANY(:keys) AND state IN ('waiting', 'dead')
    RETURNING key, attempts = 0 AS untouched
""")


def set_withdrawn(tx: Connection, guild_id: int, keys: Collection[str]) -> set[str]:
    """End these without sending them; returns the keys of those that were never attempted."""
    found = tx.execute(_SET_WITHDRAWN, {"guild_id": guild_id, "keys": list(keys)})
    return {row.key for row in found if row.untouched}


def retry_dead(tx: Connection, now: datetime, guild_id: int | None = None) -> int:
    """Retry the dead letters of one server, or of all; returns how many."""
    again = (
        update(messages)
        .where(messages.c.state == "dead")
        .values(state="waiting", attempts=0, try_at=now)
    )
    if guild_id is not None:
        again = again.where(messages.c.guild_id == guild_id)
    return tx.execute(again).rowcount


def retry_dead_in_lane(tx: Connection, guild_id: int, lane: str, now: datetime) -> int:
    """Retry a lane's dead letters of the last day; returns how many."""
    again = (
        update(messages)
        .where(
            messages.c.state == "dead",
            messages.c.guild_id == guild_id,
            messages.c.lane == lane,
            messages.c.posted_at > now - timedelta(days=1),
        )
        .values(state="waiting", attempts=0, try_at=now)
    )
    return tx.execute(again).rowcount


def find_receipt(tx: Connection, guild_id: int, key: str) -> dict[str, Any] | None:
    """The receipt of the message with this key, once it was sent."""
    receipt: dict[str, Any] | None = tx.execute(
        select(messages.c.receipt).where(
            messages.c.guild_id == guild_id, messages.c.key == key, messages.c.state == "sent"
        )
    ).scalar()
    return receipt


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """`receipt` is set once the message was sent."""

    state: str
    receipt: dict[str, Any] | None
    error: str | None


def find_status(tx: Connection, guild_id: int, key: str) -> MessageStatus | None:
    """The status of the message with this key."""
    row = (
        tx.execute(
            select(messages.c.state, messages.c.receipt, messages.c.error).where(
                messages.c.guild_id == guild_id, messages.c.key == key
            )
        )
        .mappings()
        .first()
    )
    return MessageStatus(**row) if row else None


@dataclass(frozen=True, slots=True)
class Counts:
    """`oldest_at` is when the oldest unsent message was posted."""

    waiting: int
    oldest_at: datetime | None


_COUNTS = text("""
    SELECT count(*) AS waiting, min(posted_at) AS oldest_at
      FROM outbox_messages WHERE state IN ('waiting', 'sending')
""")


def get_counts(tx: Connection) -> Counts:
    """How many messages are not sent yet."""
    return Counts(**tx.execute(_COUNTS).mappings().one())


@dataclass(frozen=True, slots=True)
class Trouble:
    """Failing messages of a server. `error` is the newest reason."""

    guild_id: int
    failing: int
    dead: int
    error: str


_LIST_TROUBLES = text("""
    SELECT guild_id,
           count(*) FILTER (WHERE state <> 'dead') AS failing,
           count(*) FILTER (WHERE state = 'dead') AS dead,
           (array_agg(error ORDER BY id DESC))[1] AS error
      FROM outbox_messages
     WHERE state IN ('waiting', 'sending', 'dead') AND error IS NOT NULL
     GROUP BY guild_id ORDER BY guild_id
""")


def list_troubles(tx: Connection) -> list[Trouble]:
    """The servers with failing messages."""
    return [Trouble(**row) for row in tx.execute(_LIST_TROUBLES).mappings()]


def find_error(tx: Connection, guild_id: int, kinds: Sequence[str]) -> str | None:
    """The error of a server's newest undelivered message of these kinds."""
    error: str | None = tx.execute(
        select(messages.c.error)
        .where(
            messages.c.guild_id == guild_id,
            messages.c.kind.in_(kinds),
            messages.c.state.in_(("waiting", "sending", "dead")),
            messages.c.error.is_not(None),
        )
        .order_by(messages.c.id.desc())
        .limit(1)
    ).scalar()
    return error
