"""Group commit: deliveries that arrive at the same time are written in one transaction.

Each caller still returns only when its own delivery is durable. Under load that is the difference
between one commit a delivery and one commit for all who wait; alone, nothing changes.
"""

import threading
from concurrent.futures import Future

from core.inbox import actions
from core.inbox.store import Delivery
from core.kit.database import Database
from core.kit.errors import Outage

MOST = 200
"""Deliveries in one transaction; more callers than this do not wait at the same time."""


class Mailbox:
    """Writes deliveries down for many threads.

    Whoever comes first writes for all who have come by then; the others find theirs written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writing = threading.Lock()
        self._waiting: list[tuple[Delivery, Future[bool]]] = []

    def put(self, delivery: Delivery) -> bool:
        """Write it down; False when this delivery id was already here.

        Raises:
            Outage: the database is away; the delivery is not written.
        """
        written: Future[bool] = Future()
        self._waiting.append((delivery, written))
        with self._writing:
            if not written.done():
                self._write(self._take())
        return written.result()

    def _take(self) -> list[tuple[Delivery, "Future[bool]"]]:
        batch = self._waiting[:MOST]
        del self._waiting[:MOST]
        return batch

    def _write(self, batch: list[tuple[Delivery, "Future[bool]"]]) -> None:
        try:
            with self._database.begin() as tx:
                news = actions.receive_all(tx, [delivery for delivery, _written in batch])
        except Outage as outage:
            for _delivery, written in batch:
                written.set_exception(outage)
        except Exception as error:
            self._write_one_by_one(batch, error)
        else:
            for (_delivery, written), new in zip(batch, news, strict=True):
                written.set_result(new)

    def _write_one_by_one(
        self, batch: list[tuple[Delivery, "Future[bool]"]], error: Exception
    ) -> None:
        """One that cannot be written must not take the others with it."""
        if len(batch) == 1:
            batch[0][1].set_exception(error)
            return
        for single in batch:
            self._write([single])
