"""Taking the pulse."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from core.health import store
from core.health.rules import Overall, merge, overall
from core.inbox import actions as inbox
from core.kit.errors import Outage
from core.kit.part import Part
from core.kit.room import Check
from core.kit.services import Services
from core.outbox import actions as outbox


@dataclass(frozen=True, slots=True)
class Report:
    """How the product is at an instant."""

    overall: Overall
    parts: tuple[Part, ...]
    at: datetime


def examine(tx: Connection, checks: Iterable[Check], now: datetime) -> Report:
    """Everything the heartbeats and the rooms have to say."""
    parts = [Part("Database", "ok", "Answering.")]
    parts += merge(store.list_beats(tx), now)
    for look in checks:
        parts += look(tx, now)
    return Report(overall(parts), tuple(parts), now)


def report(services: Services, checks: Iterable[Check]) -> Report:
    """The same, told even while the database is away."""
    now = services.clock()
    try:
        with services.database.begin() as tx:
            return examine(tx, checks, now)
    except Outage as outage:
        part = Part("Database", "down", f"It is not answering: {outage.reason}")
        return Report("down", (part,), now)


def try_shelves_again(tx: Connection, now: datetime) -> int:
    """Take everything off both shelves; returns how many will be tried again."""
    return inbox.try_shelf_again(tx, now) + outbox.try_shelf_again(tx, now)
