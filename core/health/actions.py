"""Examining how everything is."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.health import store
from core.health.rules import Overall, merge, overall
from core.inbox import actions as inbox
from core.kit.database import DatabaseOutage, limit_time, savepoint
from core.kit.errors import Outage
from core.kit.feature import Check
from core.kit.locks import list_lock_waits
from core.kit.part import Part
from core.kit.services import Services
from core.outbox import actions as outbox


@dataclass(frozen=True, slots=True)
class Report:
    """How the product is at an instant."""

    overall: Overall
    parts: tuple[Part, ...]
    at: datetime


LOCK_SECONDS = 0.5
STATEMENT_SECONDS = 2.0
CHECKS_SECONDS = 4.0
"""After so long the rest is not examined: an answer has to come before whoever asks gives up."""

WAITS_SECONDS = 3.0
"""A lock that a statement waits for so long is worth a line."""


def examine(
    tx: Connection, checks: Iterable[Check], now: datetime, guild_id: int | None = None
) -> Report:
    """What the heartbeats and the features report of all, and of this one server. What cannot be
    read in time, such as a locked table, is reported as just that."""
    limit_time(tx, statement=STATEMENT_SECONDS, lock=LOCK_SECONDS)
    parts = [Part("Database", "ok", "Answering.")]
    end = time.monotonic() + CHECKS_SECONDS
    for look in (_look_at_processes, _look_at_locks, *checks):
        parts += _looked(tx, look, now) if time.monotonic() < end else [_unknown(look)]
    shown = [part for part in parts if part.guild_id in (None, guild_id)]
    return Report(overall(shown), tuple(shown), now)


def _looked(tx: Connection, look: Check, now: datetime) -> list[Part]:
    try:
        with savepoint(tx):
            return look(tx, now)
    except DatabaseOutage as outage:
        if tx.invalidated:
            raise
        return [_unknown(look, outage.reason)]


def _unknown(look: Check, why: str = "the database is too slow") -> Part:
    """Named after the package that declares the check."""
    name = look.__module__.split(".")[1].replace("_", " ").capitalize()
    return Part(name, "warn", f"Not examined: {why}.")


def _look_at_processes(tx: Connection, now: datetime) -> list[Part]:
    return merge(store.list_beats(tx), now)


def _look_at_locks(tx: Connection, _now: datetime) -> list[Part]:
    waits = [wait for wait in list_lock_waits(tx) if wait.waited > WAITS_SECONDS]
    if not waits:
        return []
    reason = f"{len(waits)} waiting, the longest for {waits[0]}."
    return [Part("Database locks", "warn", reason, waits[0].waited, age_of="trouble")]


def report(services: Services, checks: Iterable[Check]) -> Report:
    """The same without what concerns single servers, also while the database is away."""
    now = services.clock()
    try:
        with services.database.begin() as tx:
            return examine(tx, checks, now)
    except Outage as outage:
        part = Part("Database", "down", f"It is not answering: {outage.reason}")
        return Report("down", (part,), now)


def try_shelves_again(tx: Connection, now: datetime, guild_id: int) -> int:
    """Take a server's things off both shelves; returns how many are tried again."""
    return inbox.try_shelf_again(tx, now, guild_id) + outbox.try_shelf_again(tx, now, guild_id)
