"""Counts PostgreSQL's work for some statements in rows and pages, which do not depend on the
machine's load.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event

_EXPLAINED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE")
_REMOVED = (
    "Rows Removed by Filter",
    "Rows Removed by Join Filter",
    "Rows Removed by Index Recheck",
)


@dataclass(slots=True)
class Work:
    """What statements took.

    Attributes:
        rows: that any step of a plan looked at, also those that it dropped.
        pages: that were asked for, from the cache or the disk.
    """

    rows: float = 0
    pages: float = 0


@contextmanager
def counted_work(tx: Connection) -> Iterator[Work]:
    """Count the work of every statement in the block. Each is explained, undone, and run."""
    work = Work()

    def explain(
        _tx: Connection, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if many or not statement.lstrip().upper().startswith(_EXPLAINED):
            return
        cursor.execute("SAVEPOINT counted_work")
        cursor.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}", parameters
        )
        told = cursor.fetchone()[0]
        cursor.execute("ROLLBACK TO SAVEPOINT counted_work")
        plan = (told if isinstance(told, list) else json.loads(told))[0]["Plan"]
        work.rows += _rows(plan)
        work.pages += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]

    event.listen(tx, "before_cursor_execute", explain)
    try:
        yield work
    finally:
        event.remove(tx, "before_cursor_execute", explain)


def _rows(node: dict[str, Any]) -> float:
    here = node["Actual Rows"] + sum(node.get(name, 0) for name in _REMOVED)
    below: float = sum(_rows(inner) for inner in node.get("Plans", ()))
    return float(here * node["Actual Loops"]) + below
