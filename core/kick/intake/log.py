"""The log of webhook deliveries: when each arrived, how late, and its outcome.

Stored deliveries are read from the inbox. Everything else can be caused by anybody who finds the
address, so only a limited number of lines is written per minute; the rest is counted.
"""

import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, Row, func, select, text
from sqlalchemy.orm import Session

from core.guilds import store as guilds
from core.inbox import store as inbox
from core.inbox.store import Delivery
from core.kick.bodies import PLATFORM, WEBHOOK
from core.kick.deliveries import MAX_CHARACTERS
from core.kick.intake.records import LogLine, UnattributedDelivery
from core.kick.intake.rules import LATE
from core.kit.database.connection import Database
from core.kit.database.records import GuildId
from core.kit.database.work import ACROSS_GUILDS, read_records
from core.kit.errors import Outage
from core.kit.runtime.deadlines import PUBLIC, budget_of

STORED = "stored"
MAX_LINES_PER_MINUTE = 60
"""About deliveries that were not stored, per process."""

Line = LogLine | UnattributedDelivery

_log = structlog.get_logger(__name__)


# -- writing --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Arrival:
    """The data known so far about a delivery that has just arrived.

    Attributes:
        guild_ids: the servers it belongs to, once the body was verified and read.
    """

    at: datetime
    kind: str = ""
    delivery_id: str = ""
    subscription_id: str = ""
    sent_at: datetime | None = None
    guild_ids: tuple[int, ...] = ()

    def line(self, guild_id: int, outcome: str) -> LogLine:
        """Its line in the log of this server."""
        return LogLine(
            guild_id=GuildId(guild_id),
            at=self.at,
            sent_at=self.sent_at,
            kind=self.kind[:MAX_CHARACTERS],
            delivery_id=self.delivery_id[:MAX_CHARACTERS],
            subscription_id=self.subscription_id[:MAX_CHARACTERS],
            outcome=outcome,
        )


class WebhookLog:
    """Writes the log; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._minute = datetime.min
        self._left = 0
        self._unwritten: Counter[str] = Counter()

    def write_other(self, arrival: Arrival, outcome: str) -> None:
        """Log a delivery that was not stored. While the database is down, nothing is written."""
        if lines := self._ration(arrival, outcome):
            try:
                with budget_of(PUBLIC), self._database.begin() as tx:
                    add_lines(tx, lines)
            except Outage:
                _log.info("Writing the webhook log failed", outcome=outcome)

    def _ration(self, arrival: Arrival, outcome: str) -> list[Line]:
        """The lines that may be written: none after this minute's limit, and in the next minute
        lines with the number that were left out."""
        minute = arrival.at.replace(second=0, microsecond=0)
        lines: list[Line] = [arrival.line(guild_id, outcome) for guild_id in arrival.guild_ids]
        lines = lines or [UnattributedDelivery(at=arrival.at, outcome=outcome)]
        summary: list[Line] = []
        with self._lock:
            if minute != self._minute:
                summary += [
                    UnattributedDelivery(at=self._minute, outcome=name, count=count)
                    for name, count in sorted(self._unwritten.items())
                ]
                self._minute, self._left = minute, MAX_LINES_PER_MINUTE
                self._unwritten.clear()
            if self._left < len(lines):
                self._unwritten[outcome] += 1
                return summary
            self._left -= len(lines)
        return summary + lines


def add_lines(tx: Connection, lines: Sequence[Line]) -> None:
    """Add lines, of any server, to the log."""
    with Session(tx) as session:
        session.add_all(lines)
        session.flush()


# -- reading --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines of the log to show; all of them by default."""

    kind: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def criteria(self) -> list[ColumnElement[bool]]:
        """For the lines themselves."""
        found = [LogLine.kind == self.kind] if self.kind else []
        found += [LogLine.outcome == self.outcome] if self.outcome else []
        found += [LogLine.at >= self.since] if self.since else []
        return found + ([LogLine.at < self.until] if self.until else [])


def list_newest_lines(
    tx: Connection, guild_id: int, limit: int, wanted: Filter = Filter()
) -> list[LogLine]:
    """A server's newest deliveries that fit the filter, the newest first."""
    times = {"since": wanted.since, "until": wanted.until}
    stored = [
        _stored(guild_id, delivery)
        for lane in (_lanes(tx, guild_id) if wanted.outcome in ("", STORED) else ())
        for delivery in inbox.list_newest(tx, WEBHOOK, lane, limit, kind=wanted.kind, **times)
    ]
    others = select(LogLine).where(LogLine.guild_id == guild_id, *wanted.criteria()).limit(limit)
    newest = others.order_by(LogLine.at.desc(), LogLine.id.desc())
    lines = [*read_records(tx, newest), *stored]
    return sorted(lines, key=lambda line: line.at, reverse=True)[:limit]


def count_stored(tx: Connection, guild_id: int, since: datetime, maximum: int) -> int:
    """How many deliveries were stored since then, counted up to `maximum`."""
    return inbox.count_since(tx, WEBHOOK, _lanes(tx, guild_id), since, maximum)


def find_body(tx: Connection, guild_id: int, delivery_id: str) -> tuple[LogLine, Any] | None:
    """One of a server's stored deliveries and its body, without secrets."""
    found = inbox.find_delivery(tx, WEBHOOK, _lanes(tx, guild_id), delivery_id)
    return (_stored(guild_id, found), without_secrets(found.body)) if found else None


_SECRET = re.compile(r"token|secret|password|authorization|signature|e-?mail", re.IGNORECASE)


def without_secrets(body: Any) -> Any:
    """The same JSON with the values of secret keys replaced. Kick's webhooks have none so far."""
    if isinstance(body, dict):
        return {
            key: "…" if _SECRET.search(key) else without_secrets(value)
            for key, value in body.items()
        }
    return [without_secrets(item) for item in body] if isinstance(body, list) else body


def _lanes(tx: Connection, guild_id: int) -> list[str]:
    channel = guilds.find_channel(tx, guild_id, PLATFORM)
    return [] if channel is None else [f"{PLATFORM}:{channel.channel_id}"]


def _stored(guild_id: int, delivery: Delivery) -> LogLine:
    assert delivery.received_at is not None, "deliveries read from the inbox have a time"
    return Arrival(
        delivery.received_at,
        delivery.kind,
        delivery.delivery_id,
        delivery.subscription_id or "",
        delivery.sent_at,
    ).line(guild_id, STORED)


def list_newest_of_kinds(
    tx: Connection, guild_id: int, kinds: Sequence[str]
) -> dict[str, datetime | None]:
    """Kind -> when it last arrived; None if neither inbox nor log has any."""
    newest: dict[str, datetime | None] = dict.fromkeys(kinds)
    kept = tx.execute(
        select(LogLine.kind, func.max(LogLine.at).label("at"))
        .where(LogLine.guild_id == guild_id, LogLine.outcome == STORED)
        .group_by(LogLine.kind)
    )
    newest |= {row.kind: row.at for row in kept if row.kind in newest}
    for lane in _lanes(tx, guild_id):
        newest |= inbox.list_newest_of_kinds(tx, WEBHOOK, lane, kinds)
    return newest


def count_unattributed(tx: Connection, since: datetime) -> dict[str, int]:
    """Outcome -> number of deliveries that could not be attributed to a server."""
    found = tx.execute(
        select(UnattributedDelivery.outcome, func.sum(UnattributedDelivery.count))
        .where(UnattributedDelivery.at >= since)
        .group_by(UnattributedDelivery.outcome)
    )
    return {outcome: int(count) for outcome, count in found}


# Per server, so that each is a short index scan.
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
""").execution_options(**ACROSS_GUILDS)


def list_odd(tx: Connection, now: datetime) -> Sequence[Row[Any]]:
    """`guild_id`, `slowest_seconds` (in the last 15 minutes) and `unknown` (deliveries in the last
    hour through a subscription that we do not know) of the servers with late or unknown ones."""
    times = {"since": now - timedelta(hours=1), "delays_since": now - timedelta(minutes=15)}
    late = {"late": LATE.total_seconds()}
    return tx.execute(_LIST_ODD, {"source": WEBHOOK, **times, **late}).all()


# -- pruning --------------------------------------------------------------------------------------


def keep_newest(tx: Connection, kind: str, before: datetime) -> None:
    """If the newest delivery of this kind is about to be deleted, log when it arrived."""
    for channel in guilds.list_channels(tx, PLATFORM):
        lane = f"{PLATFORM}:{channel.channel_id}"
        newest = inbox.find_newest_of_kind(tx, WEBHOOK, lane, kind)
        if newest is not None and newest.received_at and newest.received_at < before:
            line = _stored(channel.guild_id, newest)
            known = select(LogLine.id).where(
                LogLine.guild_id == line.guild_id, LogLine.kind == line.kind, LogLine.at == line.at
            )
            if tx.execute(known).first() is None:
                add_lines(tx, [line])


# Lines are written in the order of time, so the oldest are the first of the key.
_DELETE_LINES = text("""
    DELETE FROM kick_webhook_log
     WHERE id IN (SELECT id FROM kick_webhook_log ORDER BY id LIMIT :maximum) AND at < :before
""").execution_options(**ACROSS_GUILDS)


def delete_lines(tx: Connection, before: datetime, maximum: int) -> int:
    """Delete up to `maximum` of the oldest lines; returns how many."""
    return tx.execute(_DELETE_LINES, {"before": before, "maximum": maximum}).rowcount
