"""Group commit: deliveries that arrive at the same time are written in one transaction.

Each caller still returns only when its own delivery is durable. Under load that is the difference
between one commit a delivery and one commit for all who wait; alone, nothing changes.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from core.inbox import actions
from core.inbox.store import Delivery
from core.kit.database import Database
from core.kit.errors import Outage

MOST = 200
"""Deliveries in one transaction; more callers than this do not wait at the same time."""

Beside = Callable[[Connection, Sequence[tuple[Any, bool]]], None]
"""Told in the transaction that writes: each delivery's note, and whether the delivery was new."""


@dataclass(slots=True, eq=False)
class _Letter:
    """A delivery and what becomes of it.

    Attributes:
        note: what the caller passes on to `beside`.
        turn: set when it is written or has failed, and when it is its turn to write for all.
        new: whether it was, once written.
    """

    delivery: Delivery
    note: Any = None
    turn: threading.Event = field(default_factory=threading.Event)
    new: bool | None = None
    error: Exception | None = None

    @property
    def is_open(self) -> bool:
        return self.new is None and self.error is None


class Mailbox:
    """Writes deliveries down for many threads.

    Whoever comes while nobody writes does so for all who have come by then, and afterwards gives
    the turn to the first of those who came meanwhile. Nobody else is woken before his own delivery
    is written.

    Args:
        beside: stores something else about the same deliveries in the same transaction.
    """

    def __init__(self, database: Database, beside: Beside | None = None) -> None:
        self._database = database
        self._beside = beside
        self._guard = threading.Lock()
        self._waiting: list[_Letter] = []
        self._writing = False

    def put(self, delivery: Delivery, note: Any = None) -> bool:
        """Write it down; False when this delivery id was already here.

        Raises:
            Outage: the database is away; the delivery is not written.
        """
        letter = _Letter(delivery, note)
        if not self._is_first(letter):
            letter.turn.wait()
        if letter.is_open:
            try:
                self._write(self._take())
            finally:
                self._pass_on()
        if letter.error is not None:
            raise letter.error
        return bool(letter.new)

    def _is_first(self, letter: _Letter) -> bool:
        with self._guard:
            self._waiting.append(letter)
            first, self._writing = not self._writing, True
            return first

    def _take(self) -> list[_Letter]:
        with self._guard:
            batch = self._waiting[:MOST]
            del self._waiting[:MOST]
            return batch

    def _pass_on(self) -> None:
        with self._guard:
            self._writing = bool(self._waiting)
            if self._writing:
                self._waiting[0].turn.set()

    def _write(self, batch: Sequence[_Letter]) -> None:
        try:
            with self._database.begin() as tx:
                news = actions.receive_all(tx, [letter.delivery for letter in batch])
                if self._beside is not None:
                    self._beside(
                        tx, [(one.note, new) for one, new in zip(batch, news, strict=True)]
                    )
        except Outage as outage:
            self._fail(batch, outage)
        except Exception as error:
            if len(batch) == 1:
                self._fail(batch, error)
            else:
                self._write_one_by_one(batch)
        else:
            for letter, new in zip(batch, news, strict=True):
                letter.new = new
                letter.turn.set()

    def _write_one_by_one(self, batch: Sequence[_Letter]) -> None:
        """One that cannot be written must not take the others with it."""
        for letter in batch:
            self._write([letter])

    def _fail(self, batch: Sequence[_Letter], error: Exception) -> None:
        for letter in batch:
            letter.error = error
            letter.turn.set()
