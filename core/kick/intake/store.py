"""Queries about subscriptions, authorities, status checks and no-events alerts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, Table, bindparam, delete, literal, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kick.bodies import CHAT, FEED, WEBHOOK
from core.kick.intake.records import (
    EventAuthority,
    NoEventAlert,
    StatusCheck,
    WebhookSubscription,
)
from core.kick.intake.rules import Authority
from core.kit.database.connection import cached
from core.kit.database.work import ACROSS_GUILDS, read_records

# -- subscriptions ------------------------------------------------------------------------------


def list_subscriptions(
    tx: Connection, broadcaster_user_id: int | None = None
) -> Sequence[WebhookSubscription]:
    """The subscriptions of one channel, or of all."""
    wanted = select(WebhookSubscription).order_by(
        WebhookSubscription.broadcaster_user_id, WebhookSubscription.kind
    )
    if broadcaster_user_id is not None:
        wanted = wanted.where(WebhookSubscription.broadcaster_user_id == broadcaster_user_id)
    return read_records(tx, wanted)


def list_subscription_ids(tx: Connection) -> frozenset[str]:
    """Every subscription that we have."""
    known = select(WebhookSubscription.subscription_id).where(
        WebhookSubscription.subscription_id.is_not(None)
    )
    return frozenset(known_id for known_id in tx.scalars(known) if known_id)


def set_subscriptions(
    tx: Connection,
    broadcaster_user_id: int,
    ids: Mapping[str, str | None],
    troubles: Mapping[str, str],
    now: datetime,
) -> None:
    """Store a channel's subscriptions: kind -> id or None, and kind -> trouble. Delete others."""
    others = WebhookSubscription.kind.not_in(ids)
    is_channel = WebhookSubscription.broadcaster_user_id == broadcaster_user_id
    tx.execute(delete(WebhookSubscription).where(is_channel, others))
    rows = [{"kind": kind, "subscription_id": id} for kind, id in ids.items()]
    _upsert(tx, broadcaster_user_id, rows, troubles, now, "subscription_id", "checked_at")


def set_trouble(
    tx: Connection, broadcaster_user_id: int, kinds: Iterable[str], trouble: str, now: datetime
) -> None:
    """The channel could not be checked; known ids are kept."""
    troubles = dict.fromkeys(kinds, trouble)
    _upsert(tx, broadcaster_user_id, [{"kind": kind} for kind in troubles], troubles, now)


def _upsert(
    tx: Connection,
    broadcaster_user_id: int,
    rows: Iterable[dict[str, str | None]],
    troubles: Mapping[str, str],
    now: datetime,
    *changed: str,
) -> None:
    statement = upsert(WebhookSubscription)
    new = {column: statement.excluded[column] for column in (*changed, "trouble")}
    shared = {"broadcaster_user_id": broadcaster_user_id, "checked_at": now}
    tx.execute(
        statement.on_conflict_do_update(constraint="kick_subscriptions_one_of_each", set_=new),
        [{**row, **shared, "trouble": troubles.get(str(row["kind"]))} for row in rows],
    )


def delete_subscriptions_except(tx: Connection, followed: Sequence[int]) -> None:
    """Delete the rows of channels that no server follows."""
    for record in (WebhookSubscription, EventAuthority, StatusCheck):
        table = cast("Table", record.__table__)
        tx.execute(delete(table).where(table.c.broadcaster_user_id.not_in(followed)))


# -- authorities --------------------------------------------------------------------------------


_AUTHORITIES = select(EventAuthority.kind, EventAuthority.authority).where(
    EventAuthority.broadcaster_user_id == bindparam("channel_id")
)


def list_authorities(tx: Connection, broadcaster_user_id: int) -> dict[str, Authority]:
    """Kind -> the source that counts, where that was decided."""
    found = tx.execute(_AUTHORITIES, {"channel_id": broadcaster_user_id})
    return {row.kind: row.authority for row in found}


def set_authorities(
    tx: Connection,
    broadcaster_user_id: int,
    decided: Mapping[str, Authority],
    now: datetime,
    *,
    overrule: bool,
) -> None:
    """Store decisions; earlier ones are replaced only if `overrule`."""
    statement = upsert(EventAuthority)
    is_new = EventAuthority.authority != statement.excluded.authority
    tx.execute(
        statement.on_conflict_do_update(
            constraint="kick_authorities_one_a_kind",
            set_={"authority": statement.excluded.authority, "decided_at": now},
            where=is_new & literal(overrule),
        ),
        [
            {
                "broadcaster_user_id": broadcaster_user_id,
                "kind": kind,
                "authority": authority,
                "decided_at": now,
            }
            for kind, authority in decided.items()
        ],
    )


def feed_kinds(tx: Connection, broadcaster_user_id: int) -> frozenset[str]:
    """The kinds of events for which the feed is this channel's authority."""

    def load() -> frozenset[str]:
        decided = list_authorities(tx, broadcaster_user_id)
        return frozenset(kind for kind, authority in decided.items() if authority == "feed")

    return cached(tx, ("kick.feed_kinds", broadcaster_user_id), load)


def source_of_chat(tx: Connection, broadcaster_user_id: int) -> str:
    """The source of this channel's chat."""
    return FEED if CHAT in feed_kinds(tx, broadcaster_user_id) else WEBHOOK


# -- status checks ------------------------------------------------------------------------------

_SET_STATUS_CHECK = text("""
    INSERT INTO kick_status_checks AS l (broadcaster_user_id, checked_at, started_at, watched_since)
    VALUES (:broadcaster_user_id, :now, :started_at, :now)
        ON CONFLICT (broadcaster_user_id) DO UPDATE
       SET checked_at = excluded.checked_at,
           started_at = excluded.started_at,
           watched_since = CASE WHEN l.checked_at < :gap_before THEN excluded.checked_at
                                ELSE l.watched_since END
""")


def set_status_checks(
    tx: Connection,
    seen: Mapping[int, datetime | None],
    now: datetime,
    gap_before: datetime,
) -> None:
    """Channel -> start of its stream, or None if offline. After a check before `gap_before`, the
    time in between does not count as watched."""
    when = {"now": now, "gap_before": gap_before}
    rows = [{"broadcaster_user_id": id, "started_at": at, **when} for id, at in seen.items()]
    if rows:
        tx.execute(_SET_STATUS_CHECK, rows)


def list_status_checks(tx: Connection) -> dict[int, StatusCheck]:
    """The newest status check of each channel."""
    return {record.broadcaster_user_id: record for record in read_records(tx, select(StatusCheck))}


# -- no-events alerts ---------------------------------------------------------------------------


def list_open_alerts(tx: Connection) -> dict[int, NoEventAlert]:
    """Server -> its open alert."""
    is_open = select(NoEventAlert).where(NoEventAlert.over_at.is_(None))
    found = read_records(tx, is_open.execution_options(**ACROSS_GUILDS))
    return {alert.guild_id: alert for alert in found}
