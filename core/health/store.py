"""The heartbeats' statements."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.health.records import StoredHeartbeat
from core.health.rules import Heartbeat, one_a_name
from core.kit.health_item import HealthItem
from core.kit.records import table_of

heartbeats = table_of(StoredHeartbeat)

KEEP = timedelta(minutes=10)
"""How long a process that stopped reporting is still shown."""


def set_heartbeats(
    tx: Connection, process: str, parts: Iterable[HealthItem], now: datetime
) -> None:
    """Replace what this process reported before."""
    tx.execute(delete(heartbeats).where(heartbeats.c.process == process))
    rows = [
        {"process": process, "part": p.name, "state": p.state, "reason": p.reason, "at": now}
        for p in one_a_name(parts)
    ]
    if rows:
        tx.execute(upsert(heartbeats).values(rows))
    tx.execute(delete(heartbeats).where(heartbeats.c.at < now - KEEP))


def delete_heartbeats(tx: Connection, process: str) -> None:
    """This process was stopped on purpose."""
    tx.execute(delete(heartbeats).where(heartbeats.c.process == process))


def list_heartbeats(tx: Connection) -> list[Heartbeat]:
    """What every process last reported."""
    found = tx.execute(select(heartbeats))
    return [Heartbeat(HealthItem(row.part, row.state, row.reason), row.at) for row in found]
