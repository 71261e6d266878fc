"""Statements of the sender, which serves all guilds, lane by lane."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select, text, update
from sqlalchemy.orm import Session

from core.kit.database.work import ACROSS_GUILDS, read_records
from core.outbox.records import TOO_LATE, Outgoing, messages

LEASE = timedelta(seconds=20)
"""If a lease was not renewed for this long, its process has died."""


# The head of each lane that is due, or whose lease has expired: what is being sent, else what waits
# with the best priority. One statement finds and claims it; the lane's next message waits for it.
# Leases use the database's clock, because the clocks of several machines differ. The heads are an
# array, so that the whole queue is not read to find them.
_CLAIM = text("""
    WITH RECURSIVE heads AS (
        (SELECT lane, id FROM outbox_messages
          WHERE state IN ('waiting', 'sending')
          ORDER BY lane, (state = 'waiting'), priority, id LIMIT 1)
        UNION ALL
        SELECT next.lane, next.id
          FROM heads, LATERAL (SELECT m.lane, m.id FROM outbox_messages m
                                WHERE m.state IN ('waiting', 'sending') AND m.lane > heads.lane
                                ORDER BY m.lane, (m.state = 'waiting'), m.priority, m.id
                                LIMIT 1) next
    ), due AS (
        SELECT m.id FROM outbox_messages m
         WHERE m.id = ANY (ARRAY(SELECT id FROM heads))
           AND ((m.state = 'waiting' AND m.try_at <= :now)
                OR (m.state = 'sending'
                    AND m.sending_at < clock_timestamp() - CAST(:lasts AS interval)
                    AND m.id <> ALL(CAST(:active AS bigint[]))))
         ORDER BY m.id LIMIT :maximum
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
    RETURNING m.*
""")


_EXPIRE = text("""
    UPDATE outbox_messages
       SET state = 'sent', sent_at = :now, error = NULL,
           receipt = jsonb_build_object('skipped', CAST(:too_late AS text))
     WHERE state = 'waiting' AND expires_at <= :now AND NOT unsure AND carried_by IS NULL
    RETURNING service
""")


def expire(tx: Connection, now: datetime) -> list[str]:
    """Drop what is too late, except what an earlier attempt may have sent; returns the service of
    each."""
    given = {"now": now, "too_late": TOO_LATE}
    return list(tx.scalars(_EXPIRE, given, execution_options=ACROSS_GUILDS))


def claim_due(
    tx: Connection, now: datetime, maximum: int, active: Collection[int] = ()
) -> list[Outgoing]:
    """Claim up to `maximum` messages, each the head of its lane, except those that the caller is
    still sending (`active`)."""
    given = {"now": now, "maximum": maximum, "active": list(active), "lasts": LEASE}
    with Session(tx, expire_on_commit=False) as session, session.begin():
        claimed = session.scalars(
            select(Outgoing).from_statement(_CLAIM),
            {**given, "lease": token_urlsafe(12)},
            execution_options=ACROSS_GUILDS,
        )
        return sorted(claimed, key=lambda message: message.id)


_RENEW = text("""
    UPDATE outbox_messages m SET sending_at = clock_timestamp()
      FROM unnest(CAST(:ids AS bigint[]), CAST(:leases AS text[])) AS held (id, lease)
     WHERE m.id = held.id AND m.lease = held.lease AND m.state = 'sending'
    RETURNING m.id
""")


def renew_leases(tx: Connection, held: Sequence[Outgoing]) -> set[int]:
    """Renew these leases; returns the ids of the messages that are still leased."""
    given = {"ids": [message.id for message in held], "leases": [message.lease for message in held]}
    return set(tx.scalars(_RENEW, given, execution_options=ACROSS_GUILDS))


def list_followers(tx: Connection, message: Outgoing, maximum: int) -> Sequence[Outgoing]:
    """The messages of the lane that wait behind this one, in order."""
    behind = select(Outgoing).where(
        Outgoing.lane == message.lane,
        Outgoing.id != message.id,
        Outgoing.state == "waiting",
        Outgoing.priority >= message.priority,
    )
    behind = behind.order_by(Outgoing.priority, Outgoing.id).limit(maximum)
    return read_records(tx, behind.execution_options(**ACROSS_GUILDS))


def set_carried(tx: Connection, followers: Sequence[int], by: int) -> None:
    """Store that these messages are part of another one and share its outcome. This is stored
    before sending, so that a retry has the same text."""
    carried = update(messages).where(messages.c.id.in_(followers)).values(carried_by=by)
    tx.execute(carried, execution_options=ACROSS_GUILDS)


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
        .where(
            messages.c.guild_id == message.guild_id,
            messages.c.carried_by.in_(select(own.c.id)),
        )
        .values(**values)
        .returning(messages.c.id)
        .cte()
    )
    return tx.execute(select(own.c.id).add_cte(carried)).first() is not None


def _leased(message: Outgoing) -> ColumnElement[bool]:
    return and_(
        messages.c.guild_id == message.guild_id,
        messages.c.id == message.id,
        messages.c.lease == message.lease,
        messages.c.state == "sending",
    )
