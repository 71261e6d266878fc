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


def examine(
    tx: Connection, checks: Iterable[Check], now: datetime, guild_id: int | None = None
) -> Report:
    """What the heartbeats and the rooms have to say of all, and of this one server."""
    parts = [Part("Database", "ok", "Answering.")]
    parts += merge(store.list_beats(tx), now)
    for look in checks:
        parts += look(tx, now)
    shown = [part for part in parts if part.guild_id in (None, guild_id)]
    return Report(overall(shown), tuple(shown), now)


def report(services: Services, checks: Iterable[Check]) -> Report:
    """The same without any server's own matters, told even while the database is away."""
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
