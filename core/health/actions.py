"""Runs the health checks."""

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, func, select, text

from core.health.records import Heartbeat
from core.health.rules import WORSE, Overall, merge, overall, worst_of_each_name
from core.inbox import actions as inbox
from core.kit.database.connection import DatabaseOutage, limit_time, savepoint
from core.kit.database.lease_records import Lease
from core.kit.database.locks import list_lock_waits
from core.kit.database.work import Work, read_records
from core.kit.errors import Outage
from core.kit.feature import Check
from core.kit.health_item import HealthItem, State
from core.kit.runtime.deadlines import HEALTH, use_budget
from core.kit.runtime.leases import PREFIX, holder_words, is_dead
from core.kit.services import Services
from core.kit.text.words import package_title
from core.outbox import actions as outbox

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of all health checks at one moment."""

    overall: Overall
    parts: tuple[HealthItem, ...]
    at: datetime

    @property
    def can_be_retried(self) -> bool:
        """Whether there are dead letters."""
        return any(part.can_be_retried for part in self.parts)

    def without_details(self) -> "Report":
        """The public part of the report: no host names, lock holders or errors of tasks."""
        parts = (
            replace(part, name=part.name.split(" ")[0] + "s", reason=WITHOUT_DETAILS[part.state])
            if part.name.startswith("Task ")
            else replace(part, reason=WITHOUT_DETAILS[part.state])
            for part in self.parts
        )
        return replace(self, parts=tuple(worst_of_each_name(parts)))

    def by_trouble(self) -> list[HealthItem]:
        """All parts, those with problems first."""
        return sorted(self.parts, key=lambda part: WORSE[part.state], reverse=True)


LOCK_SECONDS = 0.5
STATEMENT_SECONDS = 2.0
CHECKS_SECONDS = 4.0
"""After this long the remaining checks are skipped, so that the answer comes in time."""

WAITS_SECONDS = 3.0
"""A statement that waits longer than this for a lock is reported."""


def examine(
    tx: Connection, checks: Iterable[Check], now: datetime, guild_id: int | None = None
) -> Report:
    """Run all checks, and leave out the results about other servers. A check that takes too long,
    such as on a locked table, is reported as not run."""
    limit_time(tx, statement=STATEMENT_SECONDS, lock=LOCK_SECONDS)
    parts = [HealthItem("Database", "ok", "Answering.")]
    end = time.monotonic() + CHECKS_SECONDS
    for check in (_check_processes, _check_leaders, _check_locks, *checks):
        parts += _run_check(tx, check, now) if time.monotonic() < end else [_unknown(check)]
    shown = [part for part in parts if part.guild_id in (None, guild_id)]
    return Report(overall(shown), tuple(shown), now)


def examine_server(work: Work, checks: Iterable[Check]) -> Report:
    """Run all checks for the server of `work`."""
    return examine(work.tx, checks, work.now, work.guild_id)


def _run_check(tx: Connection, check: Check, now: datetime) -> list[HealthItem]:
    try:
        with savepoint(tx):
            return check(tx, now)
    except DatabaseOutage as outage:
        if tx.invalidated:
            raise
        return [_unknown(check, outage.reason)]


def _unknown(check: Check, why: str = "the database is too slow") -> HealthItem:
    """An item with the name of the package that declares the check."""
    name = package_title(check.__module__.split(".")[1])
    return HealthItem(name, "warn", f"Not checked: {why}.")


def _check_processes(tx: Connection, now: datetime) -> list[HealthItem]:
    beats = read_records(tx, select(Heartbeat))
    ended = {process for process in {beat.process for beat in beats} if is_dead(process)}
    return merge(beats, now, ended)


def _check_leaders(tx: Connection, _now: datetime) -> list[HealthItem]:
    """Work that one process does for all, and whether a process still does it."""
    ended = (func.clock_timestamp() - Lease.until).label("ended")
    leases = select(Lease.name, Lease.holder, ended).where(Lease.name.startswith(PREFIX))
    held: list[str] = []
    for name, holder, since in tx.execute(leases.order_by(Lease.name)):
        what, who = name.removeprefix(PREFIX), holder_words(holder)
        if since > timedelta():
            reason = f"No running process does this: {what}. The last one was {who}."
            return [HealthItem("Leaders", "warn", reason, since.total_seconds(), age_of="trouble")]
        held.append(f"{what}: {who}")
    return [HealthItem("Leaders", "ok", "; ".join(held) + ".")] if held else []


def _check_locks(tx: Connection, _now: datetime) -> list[HealthItem]:
    waits = [wait for wait in list_lock_waits(tx) if wait.waited > WAITS_SECONDS]
    if not waits:
        return []
    reason = f"{len(waits)} waiting, the longest for {waits[0]}."
    return [HealthItem("Database locks", "warn", reason, waits[0].waited, age_of="trouble")]


def report(services: Services, checks: Iterable[Check]) -> Report:
    """Run all checks, without results about servers; also works while the database is down."""
    now = services.clock()
    try:
        with services.database.begin() as tx:
            return examine(tx, checks, now)
    except Outage as outage:
        return _database_down(outage.reason, now)


def _database_down(reason: str, now: datetime) -> Report:
    part = HealthItem("Database", "down", f"It is not answering: {reason}")
    return Report("down", (part,), now)


WITHOUT_DETAILS: dict[State, str] = {
    "ok": "Working.",
    "warn": "Working, with warnings.",
    "down": "Not working.",
}

FRESH_SECONDS = 2.0
"""How long everybody gets the same report."""

ANSWER_SECONDS = 1.5
"""After this long without an answer from the database, the report says so."""

REPORT_SECONDS = 6.0
"""How long the checks may take, once the database has answered."""


_PING = text("SELECT 1")


class Reports:
    """The report for everybody who asks: made by one thread, at most every few seconds. No request
    takes a connection for it, or waits for a database that does not answer."""

    def __init__(self, checks: tuple[Check, ...]) -> None:
        self._checks = checks
        self._condition = threading.Condition()
        self._made_at = float("-inf")
        self._newest: Report | None = None
        self._began: float | None = None
        self._has_answered = False

    def newest(self, services: Services) -> Report:
        """A report of the last seconds."""
        with self._condition:
            if self._is_fresh() and self._newest is not None:
                return self._newest
            if self._began is None:
                self._began, self._has_answered = time.monotonic(), False
                threading.Thread(target=self._make, args=(services,), daemon=True).start()
            began = self._began
            for limit in (ANSWER_SECONDS, REPORT_SECONDS):
                wait = max(began + limit - time.monotonic(), 0.0)
                if self._condition.wait_for(self._is_fresh, wait) and self._newest is not None:
                    return self._newest
                if not self._has_answered:
                    break
        return _database_down("no answer in time", services.clock())

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._made_at < FRESH_SECONDS

    def _make(self, services: Services) -> None:
        use_budget(HEALTH)
        try:
            with suppress(Outage), services.database.begin() as tx:
                tx.execute(_PING)
                self._has_answered = True
            made = report(services, self._checks)
        except Exception:
            _log.exception("The health report failed")
            made = _database_down("unexpected error; see the log", services.clock())
        with self._condition:
            self._newest, self._made_at, self._began = made, time.monotonic(), None
            self._condition.notify_all()


def retry_dead_letters(work: Work) -> int:
    """Retry a server's dead letters of inbox and outbox; returns how many."""
    return inbox.retry_dead_letters(work) + outbox.retry_dead_letters(work)
