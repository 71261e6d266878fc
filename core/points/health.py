"""Audit of the ledger, and its result on the health page."""

from collections import Counter
from datetime import datetime

import structlog
from sqlalchemy import Connection, delete, insert, select

from core.kit.database.work import ACROSS_GUILDS
from core.kit.health_item import HealthItem
from core.kit.services import Services
from core.points.records import Drift
from core.points.store import list_drift

_log = structlog.get_logger(__name__)


def audit_ledger(services: Services) -> None:
    """Compare every balance, total and house account with its entries, and store the errors for the
    health page. Reads all entries."""
    with services.database.begin() as tx:
        found = list_drift(tx)
        wrong = Counter(row.guild_id for row in found)
        tx.execute(delete(Drift), execution_options=ACROSS_GUILDS)
        rows = [
            {"guild_id": guild_id, "at": services.clock(), "count": count}
            for guild_id, count in wrong.items()
        ]
        if rows:
            tx.execute(insert(Drift), rows, execution_options=ACROSS_GUILDS)
    if found:
        _log.error("Points ledger audit failed", wrong_totals=len(found))


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Servers whose ledger failed the audit."""
    found = tx.execute(
        select(Drift.guild_id, Drift.at, Drift.count), execution_options=ACROSS_GUILDS
    )
    wrong = [
        HealthItem(
            "Points",
            "warn",
            f"{count:,} totals differ from their entries. Run `python -m core.points audit`.",
            (now - at).total_seconds(),
            guild_id,
        )
        for guild_id, at, count in found
    ]
    return wrong or [HealthItem("Points", "ok", "All balances match the ledger.")]
