"""The heartbeats' statements."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.health.rules import Heartbeat, one_a_name
from core.health.tables import heartbeats
from core.kit.health_item import HealthItem

KEEP = timedelta(minutes=10)
"""How long a process that fell silent is still spoken of."""


def set_heartbeats(
    tx: Connection, process: str, parts: Iterable[HealthItem], now: datetime
) -> None:
    """This process says how its parts are; what it said of others before is dropped."""
    tx.execute(delete(heartbeats).where(heartbeats.c.process == process))
    rows = [
        {"process": process, "part": p.name, "state": p.state, "reason": p.reason, "at": now}
        for p in one_a_name(parts)
    ]
    if rows:
        tx.execute(upsert(heartbeats).values(rows))
    tx.execute(delete(heartbeats).where(heartbeats.c.at < now - KEEP))


def delete_heartbeats(tx: Connection, process: str) -> None:
    """This process ends in good order and need not be missed."""
    tx.execute(delete(heartbeats).where(heartbeats.c.process == process))


def list_heartbeats(tx: Connection) -> list[Heartbeat]:
    """What every process last said."""
    found = tx.execute(select(heartbeats))
    return [Heartbeat(HealthItem(row.part, row.state, row.reason), row.at) for row in found]
