"""Group commit: deliveries that arrive at the same time are written by one statement.

Each caller still returns only when its own delivery is durable. Under load, all waiting callers
share one commit; without load, nothing changes.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from core.inbox import actions
from core.inbox.store import Delivery
from core.kit.database.connection import Database
from core.kit.errors import Outage

MAX_BATCH = 200
"""Deliveries in one statement."""

WAIT_SECONDS = 4.0
"""After this long, a delivery fails."""


@dataclass(slots=True, eq=False)
class Entry:
    """A delivery and its outcome: `new` once it is written, or else `error`."""

    delivery: Delivery
    new: bool | None = None
    error: Exception | None = None

    @property
    def is_open(self) -> bool:
        return self.new is None and self.error is None


class GroupCommit:
    """Writes the deliveries of many threads: a thread that waits for its own writes all that were
    added.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._added: list[Entry] = []

    def add(self, delivery: Delivery) -> Entry:
        """Add it to the next batch. It is not stored before `wait` returns."""
        entry = Entry(delivery)
        with self._guard:
            self._added.append(entry)
        return entry

    def wait(self, entry: Entry) -> bool:
        """Return when it is durable; False when this delivery id was already here.

        Raises:
            Outage: the database is down; the delivery is not written.
        """
        if entry.is_open:
            if not self._writing.acquire(timeout=WAIT_SECONDS):
                raise Outage("the database", "no answer in time")
            try:
                while entry.is_open:
                    self._write_batch()
            finally:
                self._writing.release()
        if entry.error is not None:
            raise entry.error
        return bool(entry.new)

    def _write_batch(self) -> None:
        with self._guard:
            batch = self._added[:MAX_BATCH]
            del self._added[:MAX_BATCH]
        try:
            self._write(batch)
        finally:
            for entry in batch:
                if entry.is_open:
                    entry.error = RuntimeError("The delivery was not written.")

    def _write(self, batch: Sequence[Entry]) -> None:
        deliveries = [entry.delivery for entry in batch]
        try:
            news = self._database.run_single(lambda tx: actions.receive_all(tx, deliveries))
        except Outage as outage:
            # Deliveries added in the meantime have waited for the same database.
            with self._guard:
                waiting, self._added = self._added, []
            for entry in (*batch, *waiting):
                entry.error = outage
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            for entry in batch:  # a bad delivery must not make the others fail
                self._write([entry])
        else:
            for entry, new in zip(batch, news, strict=True):
                entry.new = new
