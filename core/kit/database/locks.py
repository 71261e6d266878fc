"""Our statements that are waiting for a lock, and who holds it, for the health page."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from core.kit.database.connection import APPLICATION_NAME


@dataclass(frozen=True, slots=True)
class LockWait:
    """One of our statements waiting for a lock. `table` and `holder` (the other program) are "" if
    PostgreSQL does not report them.
    """

    table: str
    waited: float  # seconds
    holder: str
    process: int

    def __str__(self) -> str:
        where = f"a lock on {self.table}" if self.table else "a row lock"
        return f"{where}, held by {self.holder or 'a program'} (process {self.process})"


_LIST_WAITS = text("""
    SELECT COALESCE((SELECT t.relation::regclass::text FROM pg_locks t
                      WHERE t.pid = ours.pid AND t.relation IS NOT NULL
                        AND (NOT t.granted OR t.locktype = 'tuple')
                      ORDER BY t.granted LIMIT 1), '') AS table,
           extract(epoch FROM clock_timestamp() - ours.query_start)::float AS waited,
           holder.application_name AS holder,
           holder.pid AS process
      FROM pg_stat_activity ours
      JOIN LATERAL (
               SELECT other.pid, other.application_name, other.xact_start
                 FROM pg_stat_activity other
                WHERE other.pid = ANY(pg_blocking_pids(ours.pid))
                ORDER BY other.xact_start LIMIT 1) holder ON true
     WHERE ours.datname = current_database() AND ours.application_name = :name
       AND ours.wait_event_type = 'Lock'
     ORDER BY ours.query_start
""")


def list_lock_waits(tx: Connection) -> list[LockWait]:
    """The longest wait first."""
    found = tx.execute(_LIST_WAITS, {"name": APPLICATION_NAME})
    return [LockWait(**row) for row in found.mappings()]
