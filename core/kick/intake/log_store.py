"""The statements about the log of webhook deliveries: what the inbox holds, and lines about the
others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text

from core.guilds import store as guilds
from core.inbox import store as inbox
from core.inbox.store import Delivery
from core.inbox.tables import deliveries as deliveries
from core.kick.bodies import PLATFORM
from core.kick.intake.tables import unattributed, webhook_log
from core.kit.work import ACROSS_GUILDS

SOURCE = "kick.webhook"
STORED = "stored"

MOST_CHARACTERS = 100
"""Of what a header says."""


@dataclass(frozen=True, slots=True)
class Line:
    """A delivery in a server's log; never holds anything of a body.

    Attributes:
        at: when it arrived.
        sent_at: as signed, None when that could not be read.
        subscription_id: as in the header, which is not signed.
        outcome: as in the table of `core/kick/webhooks.py`.
    """

    guild_id: int
    at: datetime
    sent_at: datetime | None
    kind: str
    delivery_id: str
    subscription_id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Unattributed:
    """Deliveries of which it is not known whose they are: nothing in them could be trusted, or no
    server follows their channel."""

    at: datetime
    outcome: str
    count: int = 1


_COLUMNS = tuple(webhook_log.c[name] for name in Line.__dataclass_fields__)

_ADD_LINES = insert(webhook_log)
_ADD_UNATTRIBUTED = insert(unattributed)


def add_lines(tx: Connection, lines: Sequence[Line | Unattributed]) -> None:
    """Write them down."""
    ours = [_values(line) for line in lines if isinstance(line, Line)]
    if ours:
        tx.execute(_ADD_LINES, ours)
    others = [_values(line) for line in lines if isinstance(line, Unattributed)]
    if others:
        tx.execute(_ADD_UNATTRIBUTED, others)


def _values(line: Line | Unattributed) -> dict[str, Any]:
    return {name: getattr(line, name) for name in line.__dataclass_fields__}


def list_newest_lines(tx: Connection, guild_id: int, limit: int) -> list[Line]:
    """A server's newest deliveries, the newest first."""
    stored = [
        _stored(guild_id, delivery)
        for lane in _lanes(tx, guild_id)
        for delivery in inbox.list_newest(tx, SOURCE, lane, limit)
    ]
    others = tx.execute(
        select(*_COLUMNS)
        .where(webhook_log.c.guild_id == guild_id)
        .order_by(webhook_log.c.at.desc(), webhook_log.c.id.desc())
        .limit(limit)
    )
    lines = [Line(**row) for row in others.mappings()] + stored
    return sorted(lines, key=lambda line: line.at, reverse=True)[:limit]


def _lanes(tx: Connection, guild_id: int) -> list[str]:
    channel = guilds.find_channel(tx, guild_id, PLATFORM)
    return [] if channel is None else [f"{PLATFORM}:{channel.channel_id}"]


def _stored(guild_id: int, delivery: Delivery) -> Line:
    assert delivery.received_at is not None, "what is stored has come"
    return Line(
        guild_id,
        delivery.received_at,
        delivery.sent_at,
        delivery.kind,
        delivery.delivery_id[:MOST_CHARACTERS],
        delivery.subscription_id or "",
        STORED,
    )


def list_newest_of_kinds(
    tx: Connection, guild_id: int, kinds: Sequence[str]
) -> dict[str, datetime | None]:
    """Kind -> when it last came; None when neither inbox nor log know of any."""
    newest: dict[str, datetime | None] = dict.fromkeys(kinds)
    kept = tx.execute(
        select(webhook_log.c.kind, func.max(webhook_log.c.at))
        .where(webhook_log.c.guild_id == guild_id, webhook_log.c.outcome == STORED)
        .group_by(webhook_log.c.kind)
    )
    newest |= {kind: at for kind, at in kept.tuples() if kind in newest}
    for lane in _lanes(tx, guild_id):
        for kind in kinds:
            delivery = inbox.find_newest_of_kind(tx, SOURCE, lane, kind)
            newest[kind] = delivery.received_at if delivery else newest[kind]
    return newest


def keep_newest(tx: Connection, kind: str, before: datetime) -> None:
    """Where the newest delivery of this kind is about to be forgotten, remember when it came."""
    for channel in guilds.list_channels(tx, PLATFORM):
        lane = f"{PLATFORM}:{channel.channel_id}"
        newest = inbox.find_newest_of_kind(tx, SOURCE, lane, kind)
        if newest is not None and newest.received_at and newest.received_at < before:
            line = _stored(channel.guild_id, newest)
            known = select(webhook_log.c.id).where(
                webhook_log.c.guild_id == line.guild_id,
                webhook_log.c.kind == line.kind,
                webhook_log.c.at == line.at,
            )
            if tx.execute(known).first() is None:
                add_lines(tx, [line])


def count_unattributed(tx: Connection, since: datetime) -> dict[str, int]:
    """Outcome -> how many deliveries of which it is not known whose they are."""
    found = tx.execute(
        select(unattributed.c.outcome, func.sum(unattributed.c.count))
        .where(unattributed.c.at >= since)
        .group_by(unattributed.c.outcome)
    )
    return {row[0]: int(row[1]) for row in found}


@dataclass(frozen=True, slots=True)
class Odd:
    """What is odd about a server's deliveries.

    Attributes:
        slowest_seconds: the longest way of one that was stored.
        unknown: how many came by a subscription that we do not know.
    """

    guild_id: int
    slowest_seconds: float
    unknown: int


# By the servers, so that each is one short walk over the index.
_LIST_ODD = text("""
    SELECT g.guild_id, odd.slowest_seconds, odd.unknown
      FROM (SELECT guild_id, platform || ':' || channel_id AS lane
              FROM guild_channels WHERE platform = 'kick') g,
   LATERAL (SELECT COALESCE(max(EXTRACT(epoch FROM l.received_at - l.sent_at))
                              FILTER (WHERE l.received_at >= :delays_since), 0)::float
                       AS slowest_seconds,
                   count(*) FILTER (WHERE s.kind IS NULL) AS unknown
              FROM inbox_deliveries l
              LEFT JOIN kick_subscriptions s
                ON s.subscription_id = l.subscription_id AND s.kind = l.kind
             WHERE l.source = :source AND l.lane = g.lane AND l.received_at >= :since) odd
     WHERE odd.slowest_seconds > :late OR odd.unknown > 0
     ORDER BY g.guild_id
""")


def list_odd(
    tx: Connection, *, since: datetime, delays_since: datetime, late_seconds: float
) -> list[Odd]:
    """The servers whose deliveries came late or by an unknown subscription."""
    found = tx.execute(
        _LIST_ODD,
        {"source": SOURCE, "since": since, "delays_since": delays_since, "late": late_seconds},
        execution_options=ACROSS_GUILDS,
    )
    return [Odd(**row) for row in found.mappings()]


# Lines are written in the order of time, so the oldest are the first of the key.
_END_LINES = text("""
    DELETE FROM kick_webhook_log
     WHERE id IN (SELECT id FROM kick_webhook_log ORDER BY id LIMIT :most) AND at < :before
""")


def end_lines(tx: Connection, before: datetime, most: int) -> int:
    """Forget up to `most` of the oldest lines; returns how many."""
    return tx.execute(_END_LINES, {"before": before, "most": most}).rowcount


def delete_unattributed(tx: Connection, before: datetime) -> int:
    """Delete old unattributed lines; returns how many. They are limited, so one statement does."""
    return tx.execute(delete(unattributed).where(unattributed.c.at < before)).rowcount
