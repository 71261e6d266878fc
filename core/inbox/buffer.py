"""Stores what a socket receives in the inbox, many deliveries in one transaction."""

import asyncio
from collections import deque

import structlog

from core.inbox import actions as inbox
from core.inbox.store import Delivery
from core.kit.database.connection import Database
from core.kit.errors import Outage

MAX_WAITING = 20_000
BATCH_SIZE = 200
RETRY_SECONDS = 2.0

_log = structlog.get_logger(__name__)


class InboxBuffer:
    """Used on one event loop. While the database is down, deliveries wait here; if there are too
    many, the oldest are dropped."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[Delivery] = deque(maxlen=MAX_WAITING)
        self._added = asyncio.Event()

    def put(self, delivery: Delivery) -> None:
        """Store it soon."""
        self._waiting.append(delivery)
        self._added.set()

    async def run(self) -> None:
        """Store deliveries until cancelled."""
        while True:
            await self._added.wait()
            self._added.clear()
            await self.empty()

    async def empty(self) -> None:
        """Store all waiting deliveries; during an outage, keep trying."""
        maximum = BATCH_SIZE
        while self._waiting:
            batch = list(self._waiting)[:maximum]
            try:
                await self._database.run(inbox.receive_all, batch)
            except Outage as outage:
                _log.warning(
                    "Storing deliveries failed, retrying: the database is down",
                    reason=outage.reason,
                )
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except Exception:
                if maximum > 1:
                    maximum = 1  # a bad delivery must not make the others fail
                    continue
                _log.exception("Storing a delivery failed", kind=batch[0].kind)
            for delivery in batch:  # some may have been dropped in the meantime
                if self._waiting and self._waiting[0] is delivery:
                    self._waiting.popleft()
