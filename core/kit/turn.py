"""Something that only one of several processes does at a time, for as long as it lives.

The turn is a session lock of PostgreSQL on a connection of its own: it goes to another process as
soon as the holder gives it back or dies.
"""

import threading
from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.kit.database import Database

_TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
_STILL_THERE = text("SELECT 1")


class Turn:
    """Whose turn it is. Safe to use from several threads.

    Args:
        database: the gate.
        name: of what is done by turns, the same in all processes.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._held_by: Connection | None = None
        self._ours = False
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether it is our turn now; ask again every few seconds.

        While the database is away everything stays as it was: whoever had the turn goes on.
        """
        with self._lock:
            try:
                self._ours = self._still_held() or self._asked()
            except (DBAPIError, PoolTimeout):
                self._drop()
            return self._ours

    def give_back(self) -> None:
        """Let another process have it. Safe to call without having it."""
        with self._lock:
            self._drop()
            self._ours = False

    def _still_held(self) -> bool:
        if self._held_by is None:
            return False
        try:
            self._held_by.execute(_STILL_THERE)
        except DBAPIError:
            self._drop()
            return False
        return True

    def _asked(self) -> bool:
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
