"""The heartbeats' statements."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.health.rules import Beat, one_a_name
from core.health.tables import heartbeats
from core.kit.part import Part

KEEP = timedelta(minutes=10)
"""How long a process that fell silent is still spoken of."""


def set_beats(tx: Connection, process: str, parts: Iterable[Part], now: datetime) -> None:
    """This process says how its parts are; what it said of others before is dropped."""
    tx.execute(delete(heartbeats).where(heartbeats.c.process == process))
    rows = [
        {"process": process, "part": p.name, "state": p.state, "reason": p.reason, "at": now}
        for p in one_a_name(parts)
    ]
    if rows:
        tx.execute(upsert(heartbeats).values(rows))
    tx.execute(delete(heartbeats).where(heartbeats.c.at < now - KEEP))


def end_beats(tx: Connection, process: str) -> None:
    """This process ends in good order and need not be missed."""
    tx.execute(delete(heartbeats).where(heartbeats.c.process == process))


def list_beats(tx: Connection) -> list[Beat]:
    """What every process last said."""
    found = tx.execute(select(heartbeats))
    return [Beat(Part(row.part, row.state, row.reason), row.at) for row in found]
