"""The worker: from deliveries to events to effects, one transaction a batch.

A batch first runs without savepoints. If anything in it fails, the whole batch is rolled back and
runs again with a savepoint for each handler, so that only the one that fails is retried later and
given up in the end. During a database outage the batch waits; that does not count as a failed try.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog
from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy import Connection

from core.events import Event
from core.events.base import from_json
from core.inbox import store
from core.inbox.hearers import Hearing, Hearings
from core.inbox.store import Delivery, Retry
from core.kit.clock import Clock, utc_now
from core.kit.database import Database, DatabaseOutage, savepoint
from core.kit.errors import Outage, Refusal
from core.kit.part import Part
from core.kit.retry import backoff

Translator = Callable[[Connection, Delivery], list[Event]]
"""Makes events of a delivery. A whole batch is translated before anybody hears of it, so it must
not read what hearers write."""

BATCH = 100
MOST_ATTEMPTS = 10
SLOW_SECONDS = 10.0
"""A batch takes milliseconds; one that takes longer than this waits for something."""

_log = structlog.get_logger(__name__)
_handled = Counter("inbox_deliveries_handled", "Deliveries turned into events")
_events = Counter("inbox_events", "Facts by what became of them", ["event", "outcome"])
_failures = Counter("inbox_failures", "Hearers that failed", ["hearer"])


class Worker:
    """Handles the inbox. Any number of workers may run side by side.

    Args:
        database: the gate.
        translators: source -> function that turns a delivery into events.
        hearings: who hears which event.
        clock: for retry times.
    """

    POLL_SECONDS = 1.0

    def __init__(
        self,
        database: Database,
        translators: Mapping[str, Translator],
        hearings: Hearings,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._translators = translators
        self._hearings = hearings
        self._clock = clock
        self._by_name = {h.name: h for heard in hearings.values() for h in heard}
        self._kinds = {event.__name__: event for event in hearings}
        self._doorbell = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._trouble: str | None = None
        self._busy_since: float | None = None

    # -- the thread -------------------------------------------------------------------------

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="inbox-worker", daemon=True)
        self._thread.start()

    def ring(self) -> None:
        """There is something to do; callable from any thread."""
        self._doorbell.set()

    def stop(self) -> None:
        """Finish the batch in hand and end."""
        self._stopping.set()
        self._doorbell.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def status(self) -> Part:
        """For the health page."""
        alive = self._thread is not None and self._thread.is_alive()
        if not alive:
            return Part("Inbox worker", "down", "It is not running.")
        if self._trouble:
            return Part("Inbox worker", "warn", self._trouble)
        busy = self._busy_since and time.monotonic() - self._busy_since
        if busy and busy > SLOW_SECONDS:
            return Part("Inbox worker", "warn", f"Busy with one batch for {busy:.0f} s.")
        return Part("Inbox worker", "ok", "Working.")

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._doorbell.clear()
            self._busy_since = time.monotonic()
            try:
                worked = self.work_once()
                self._trouble = None
            except Outage as outage:
                worked = False
                self._complain(str(outage))
            except Exception:  # the worker's edge: it must outlive every bug
                worked = False
                self._complain("Unexpected error; see the log.")
                _log.exception("The inbox worker failed")
            self._busy_since = None
            if not worked:
                self._doorbell.wait(self.POLL_SECONDS)

    def _complain(self, reason: str) -> None:
        if self._trouble != reason:
            _log.warning("The inbox waits", reason=reason)
        self._trouble = reason

    # -- one step ---------------------------------------------------------------------------

    def work_once(self) -> bool:
        """Handle one batch of one lane, or one due retry; False when there was nothing to do.

        Raises:
            DatabaseOutage: nothing of the batch has happened.
        """
        try:
            with self._database.begin() as tx:
                return self._handle_lane(tx, careful=False) or self._handle_retry(tx)
        except DatabaseOutage:
            raise
        except Exception as error:
            _log.debug("A batch failed and is run again carefully", error=repr(error))
        with self._database.begin() as tx:
            return self._handle_lane(tx, careful=True) or self._handle_retry(tx)

    def _handle_lane(self, tx: Connection, *, careful: bool) -> bool:
        lane = store.claim_lane(tx)
        if lane is None:
            return False
        translate = self._translate_carefully if careful else self._translate
        hear = self._hear_carefully if careful else self._hear
        batch = store.list_waiting(tx, lane, BATCH)
        told = [(event, each.id) for each in batch for event in translate(tx, each)]
        for event in self._news(tx, told):
            for hearing in self._hearings.get(type(event), ()):
                hear(tx, event, hearing)
        store.set_done(tx, [delivery.id for delivery in batch], self._clock())
        _handled.inc(len(batch))
        return True

    def _news(self, tx: Connection, told: Sequence[tuple[Event, int]]) -> list[Event]:
        """The events that were not known, in order."""
        news = store.add_facts(tx, told)
        for (event, _delivery), new in zip(told, news, strict=True):
            _events.labels(type(event).__name__, "new" if new else "known").inc()
        return [event for (event, _delivery), new in zip(told, news, strict=True) if new]

    def _translate(self, tx: Connection, delivery: Delivery) -> list[Event]:
        return self._translators[delivery.source](tx, delivery)

    def _translate_carefully(self, tx: Connection, delivery: Delivery) -> list[Event]:
        try:
            with savepoint(tx):
                return self._translate(tx, delivery)
        except DatabaseOutage:
            raise
        except Exception as error:  # a bug of ours, and the lane must go on
            _log.exception(
                "A delivery was not understood", kind=delivery.kind, delivery=delivery.id
            )
            store.set_shelved(tx, delivery.id, _summary(error))
            return []

    def _hear(self, tx: Connection, event: Event, hearing: Hearing) -> None:
        hearing.run(tx, event)

    def _hear_carefully(self, tx: Connection, event: Event, hearing: Hearing) -> None:
        error = self._attempt(tx, event, hearing)
        if error is not None:
            store.add_retry(tx, event, hearing.name, self._clock() + backoff(1), error)

    def _attempt(self, tx: Connection, event: Event, hearing: Hearing) -> str | None:
        """Let it hear under a savepoint; returns what went wrong, or None."""
        try:
            with savepoint(tx):
                hearing.run(tx, event)
        except DatabaseOutage:
            raise
        except Refusal as refusal:
            _log.info("Declined", hearer=hearing.name, reason=refusal.what, guild_id=event.guild_id)
        except Outage as outage:
            return _summary(outage)
        except Exception as error:  # one of the three edges
            _failures.labels(hearing.name).inc()
            _log.exception("A hearer failed", hearer=hearing.name, guild_id=event.guild_id)
            return _summary(error)
        return None

    def _handle_retry(self, tx: Connection) -> bool:
        now = self._clock()
        retry = store.claim_retry(tx, now)
        if retry is None:
            return False
        self._try_again(tx, retry, now)
        return True

    def _try_again(self, tx: Connection, retry: Retry, now: datetime) -> None:
        error: str | None
        try:
            event, hearing = self._recall(retry)
        except LookupError as gone:
            error, hopeless = str(gone), True
        else:
            error, hopeless = self._attempt(tx, event, hearing), False
        if error is None:
            store.end_retry(tx, retry.id)
            return
        attempts = retry.attempts + 1
        store.set_retry_failed(
            tx,
            retry.id,
            try_at=now + backoff(attempts),
            error=error,
            shelve=hopeless or attempts >= MOST_ATTEMPTS,
        )

    def _recall(self, retry: Retry) -> tuple[Event, Hearing]:
        """Raises LookupError when this version of the program has no such hearer or event."""
        hearing = self._by_name.get(retry.hearer)
        kind = self._kinds.get(retry.event)
        if hearing is None or kind is None:
            raise LookupError("Nobody of this name listens any more.")
        try:
            return from_json(kind, retry.payload), hearing
        except ValidationError as error:
            raise LookupError("The event was written down in a form of former times.") from error


def _summary(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
