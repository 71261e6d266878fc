"""Running the health checks."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from core.health.records import Heartbeat
from core.health.rules import WORSE, Overall, merge, overall
from core.inbox import actions as inbox
from core.kit.database import DatabaseOutage, limit_time, savepoint
from core.kit.errors import Outage
from core.kit.feature import Check
from core.kit.health_item import HealthItem
from core.kit.locks import list_lock_waits
from core.kit.services import Services
from core.kit.work import Work, read_records
from core.outbox import actions as outbox


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

    def by_trouble(self) -> list[HealthItem]:
        """All parts, the ones in trouble first."""
        return sorted(self.parts, key=lambda part: WORSE[part.state], reverse=True)


LOCK_SECONDS = 0.5
STATEMENT_SECONDS = 2.0
CHECKS_SECONDS = 4.0
"""After this long the remaining checks are skipped, so that the answer comes in time."""

WAITS_SECONDS = 3.0
"""A statement that waits longer for a lock is reported."""


def examine(
    tx: Connection, checks: Iterable[Check], now: datetime, guild_id: int | None = None
) -> Report:
    """Run all checks, and leave out the results about other servers. A check that takes too long,
    such as on a locked table, is reported as not run."""
    limit_time(tx, statement=STATEMENT_SECONDS, lock=LOCK_SECONDS)
    parts = [HealthItem("Database", "ok", "Answering.")]
    end = time.monotonic() + CHECKS_SECONDS
    for check in (_check_processes, _check_locks, *checks):
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
    name = check.__module__.split(".")[1].replace("_", " ").capitalize()
    return HealthItem(name, "warn", f"Not checked: {why}.")


def _check_processes(tx: Connection, now: datetime) -> list[HealthItem]:
    return merge(read_records(tx, select(Heartbeat)), now)


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
        part = HealthItem("Database", "down", f"It is not answering: {outage.reason}")
        return Report("down", (part,), now)


def retry_dead_letters(work: Work) -> int:
    """Retry a server's dead letters of inbox and outbox; returns how many."""
    return inbox.retry_dead_letters(work) + outbox.retry_dead_letters(work)
