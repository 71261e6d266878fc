"""A leader lock: one of several processes does something for as long as it lives.

It is a session lock of PostgreSQL on its own connection: another process gets it as soon as the
holder releases it or dies.
"""

import threading
from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.kit.database import Database

_TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
_PING = text("SELECT 1")


class LeaderLock:
    """Thread-safe.

    Args:
        name: the same in all processes.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._held_by: Connection | None = None
        self._is_leader = False
        self._lock = threading.Lock()

    def acquire(self) -> bool:
        """Whether we are the leader now; call it every few seconds.

        While the database is down the leader stays the same.
        """
        with self._lock:
            try:
                self._is_leader = self._is_held() or self._try_acquire()
            except (DBAPIError, PoolTimeout):
                self._drop()
            return self._is_leader

    def release(self) -> None:
        """Let another process have it. Does nothing without the lock."""
        with self._lock:
            self._drop()
            self._is_leader = False

    def _is_held(self) -> bool:
        if self._held_by is None:
            return False
        try:
            self._held_by.execute(_PING)
        except DBAPIError:
            self._drop()
            return False
        return True

    def _try_acquire(self) -> bool:
        connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if connection.execute(_TRY_LOCK, {"name": self._name}).scalar():
            self._held_by = connection
            return True
        connection.close()
        return False

    def _drop(self) -> None:
        """The lock ends with its connection, which therefore does not return to the pool."""
        connection, self._held_by = self._held_by, None
        if connection is not None:
            with suppress(DBAPIError):
                connection.invalidate()
                connection.close()
