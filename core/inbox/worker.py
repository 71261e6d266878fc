"""The inbox worker turns deliveries into events and runs their handlers, one transaction per batch.

A batch takes about a second: each lane's batches shrink and grow with what the last one took, and
one that takes much longer is given up and repeated smaller. Lanes take turns.

A batch first runs without savepoints. If anything in it fails, the whole batch is rolled back and
runs again with a savepoint per handler. Only the failing handler is retried later, and becomes a
dead letter eventually. A database outage does not count as a failed attempt.
"""

import threading
import time
from collections import Counter as Counted
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy import Connection

from core.events import ChatMessageSent, Event, from_json
from core.inbox import store
from core.inbox.handlers import Handler, Handlers, handle
from core.inbox.records import FailedHandler
from core.inbox.store import Delivery
from core.kit.database.connection import Database, DatabaseOutage, savepoint
from core.kit.database.work import handled_at
from core.kit.errors import Outage, Refusal, backoff
from core.kit.health_item import HealthItem
from core.kit.runtime.clock import Clock, RemoteClock, utc_now
from core.kit.runtime.deadlines import WORKER, use_budget

Translator = Callable[[Connection, Delivery], list[Event]]
"""Turns a delivery into events. It must not read what handlers write: a whole batch is translated
before any handler runs."""

MAX_BATCH = 500
FIRST_BATCH = 100
CAREFUL_BATCH = 10
"""The first of a lane; after an outage, or again with savepoints."""

BATCH_SECONDS = 1.0
"""Intended duration of a batch."""

MAX_SECONDS = 5.0
"""A batch of several deliveries that takes longer is given up, so that no lane is held for long."""

MAX_ATTEMPTS = 10
UNSURE_CLOCK = timedelta(seconds=30)
"""A slow response makes another clock look up to this far behind."""

QUIET_SECONDS = 60.0
QUIET_FACTOR = 3
"""After a minute without work, polls are this many times rarer; notifications still wake the
worker."""

SLOW_SECONDS = 10.0
"""A batch takes milliseconds; a longer one is blocked."""

_log = structlog.get_logger(__name__)
_handled = Counter("inbox_deliveries_handled", "Deliveries turned into events")
_events = Counter("inbox_events", "Events by outcome", ["event", "outcome"])
_failures = Counter("inbox_failures", "Failed event handlers", ["handler"])


class Worker:
    """Handles the inbox. Any number of workers may run side by side.

    Args:
        translators: source -> function that turns a delivery into events.
        handlers: event class -> its handlers.
        remote_clocks: platform -> its clock.
    """

    POLL_SECONDS = 1.0

    def __init__(
        self,
        database: Database,
        translators: Mapping[str, Translator],
        handlers: Handlers,
        clock: Clock = utc_now,
        remote_clocks: Mapping[str, RemoteClock] | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._remote_clocks = remote_clocks or {}
        self._translators = translators
        self._handlers = handlers
        self._clock = clock
        self._timer = timer
        self._by_name = {h.name: h for heard in handlers.values() for h in heard}
        self._kinds = {event.__name__: event for event in handlers}
        self._wakeup = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._trouble: str | None = None
        self._busy_since: float | None = None
        self._sizes: dict[str, int] = {}
        self._first_size = FIRST_BATCH
        self._lane = ""

    # -- the thread -------------------------------------------------------------------------

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="inbox-worker", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Check for work now. Callable from any thread."""
        self._wakeup.set()

    def stop(self) -> None:
        """Finish the current batch and end."""
        self._stopping.set()
        self._wakeup.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def status(self) -> HealthItem:
        """For the health page."""
        alive = self._thread is not None and self._thread.is_alive()
        if not alive:
            return HealthItem("Inbox worker", "down", "It is not running.")
        if self._trouble:
            return HealthItem("Inbox worker", "warn", self._trouble)
        busy = self._busy_since and time.monotonic() - self._busy_since
        if busy and busy > SLOW_SECONDS:
            return HealthItem("Inbox worker", "warn", f"Busy with one batch for {busy:.0f} s.")
        return HealthItem("Inbox worker", "ok", "Working.")

    def _run(self) -> None:
        use_budget(WORKER)
        worked_at = time.monotonic()
        while not self._stopping.is_set():
            self._wakeup.clear()
            self._busy_since = time.monotonic()
            try:
                worked = self.work_once()
                self._trouble = None
            except Outage as outage:
                worked = False
                self._report_trouble(str(outage))
            except Exception:  # the worker must survive every bug
                worked = False
                self._report_trouble("Unexpected error; see the log.")
                _log.exception("Inbox worker failed")
            self._busy_since = None
            if worked:
                worked_at = time.monotonic()
                continue
            is_quiet = time.monotonic() - worked_at > QUIET_SECONDS
            self._wakeup.wait(self.POLL_SECONDS * (QUIET_FACTOR if is_quiet else 1))

    def _report_trouble(self, reason: str) -> None:
        if self._trouble != reason:
            _log.warning("Inbox worker is paused", reason=reason)
        self._trouble = reason

    # -- one step ---------------------------------------------------------------------------

    def work_once(self) -> bool:
        """Handle one batch of one lane, or one due retry; False if there was nothing to do.

        Raises:
            DatabaseOutage: the batch was rolled back.
        """
        try:
            with self._database.begin() as tx:
                return self._handle_lane(tx, with_savepoints=False) or self._handle_retry(tx)
        except DatabaseOutage:
            self._shrink()
            self._first_size = CAREFUL_BATCH
            raise
        except _TakesTooLong:
            self._shrink()
            return True
        except Exception as error:
            self._shrink()
            _log.debug("Batch failed, running it again with savepoints", error=repr(error))
        try:
            with self._database.begin() as tx:
                return self._handle_lane(tx, with_savepoints=True) or self._handle_retry(tx)
        except _TakesTooLong:
            self._shrink()
            return True

    def _handle_lane(self, tx: Connection, *, with_savepoints: bool) -> bool:
        # A failed batch is repeated at once; otherwise the other lanes come first.
        now = {"first": self._lane} if with_savepoints else {"last": self._lane}
        lane = store.claim_lane(tx, **now)
        if lane is None:
            return False
        self._lane, began = lane, self._timer()
        translate = self._translate_with_savepoint if with_savepoints else self._translate
        handle_all = self._handle_with_savepoints if with_savepoints else self._handle
        size = self._sizes.get(lane, self._first_size)
        waiting = store.list_waiting(tx, lane, size)
        batch: list[Delivery] = []
        arrived: list[tuple[Event, int]] = []
        for each in waiting:
            if batch and self._timer() - began > BATCH_SECONDS / 2:
                break
            arrived += [(self._by_our_clock(event), each.id) for event in translate(tx, each)]
            batch.append(each)
        until = began + MAX_SECONDS if len(batch) > 1 else float("inf")
        with handled_at(tx, self._clock()):
            handle_all(tx, self._deduplicate(tx, arrived), partial(self._check_time, until))
        store.set_done(tx, [delivery.id for delivery in batch], self._clock())
        _handled.inc(len(batch))
        self._resize(lane, len(batch), self._timer() - began, is_last=len(waiting) < size)
        return True

    def _resize(self, lane: str, count: int, seconds: float, *, is_last: bool) -> None:
        """Choose the size of the lane's next batch by what this one took."""
        self._first_size = FIRST_BATCH
        fitting = max(1, int(count * BATCH_SECONDS / max(seconds, 0.001)))
        if is_last:
            self._sizes.pop(lane, None)
        else:
            self._sizes[lane] = min(MAX_BATCH, 2 * count, fitting)

    def _check_time(self, until: float) -> None:
        if self._timer() > until:
            raise _TakesTooLong

    def _shrink(self) -> None:
        """The batch of the last lane failed."""
        size = self._sizes.get(self._lane, self._first_size)
        self._sizes[self._lane] = max(1, min(size // 4, CAREFUL_BATCH))

    def _by_our_clock(self, event: Event) -> Event:
        """A chat message with its time corrected to our clock, because deadlines use our clock.
        Differences of a few seconds are not corrected: they may come from slow responses."""
        if not isinstance(event, ChatMessageSent):
            return event
        now, clock = self._clock(), self._remote_clocks.get(event.platform)
        theirs = clock.now() if clock else None
        ahead = now - theirs if theirs else timedelta()
        at = event.at + ahead if abs(ahead) > UNSURE_CLOCK else event.at
        return replace(event, at=min(at, now))

    def _deduplicate(self, tx: Connection, arrived: Sequence[tuple[Event, int]]) -> list[Event]:
        """The events that were not handled before, in order."""
        news = store.add_events(tx, arrived)
        kinds = (type(event).__name__ for event, _delivery in arrived)
        for (kind, new), count in Counted(zip(kinds, news, strict=True)).items():
            _events.labels(kind, "new" if new else "known").inc(count)
        return [event for (event, _delivery), new in zip(arrived, news, strict=True) if new]

    def _translate(self, tx: Connection, delivery: Delivery) -> list[Event]:
        return self._translators[delivery.source](tx, delivery)

    def _translate_with_savepoint(self, tx: Connection, delivery: Delivery) -> list[Event]:
        try:
            with savepoint(tx):
                return self._translate(tx, delivery)
        except DatabaseOutage:
            raise
        except Exception as error:  # a bug of ours; the lane must go on
            _log.exception(
                "Translating a delivery failed", kind=delivery.kind, delivery=delivery.id
            )
            store.set_dead(tx, delivery.id, _summary(error))
            return []

    def _handle(self, tx: Connection, events: Sequence[Event], check: Callable[[], None]) -> None:
        handle(tx, self._handlers, events, check)

    def _handle_with_savepoints(
        self, tx: Connection, events: Sequence[Event], check: Callable[[], None]
    ) -> None:
        for event in events:
            for handler in self._handlers.get(type(event), ()):
                if not handler.concerns(event):
                    continue
                check()
                error = self._attempt(tx, event, handler)
                if error is not None:
                    store.add_retry(tx, event, handler.name, self._clock() + backoff(1), error)

    def _attempt(self, tx: Connection, event: Event, handler: Handler) -> str | None:
        """Run the handler under a savepoint; returns the error, or None."""
        try:
            with savepoint(tx):
                handler.run(tx, event)
        except DatabaseOutage:
            raise
        except Refusal as refusal:
            _log.info(
                "An event handler declined",
                handler=handler.name,
                reason=refusal.what,
                guild_id=event.guild_id,
            )
        except Outage as outage:
            return _summary(outage)
        except Exception as error:  # a bug in a feature must not stop the others
            _failures.labels(handler.name).inc()
            _log.exception("An event handler failed", handler=handler.name, guild_id=event.guild_id)
            return _summary(error)
        return None

    def _handle_retry(self, tx: Connection) -> bool:
        now = self._clock()
        retry = store.claim_retry(tx, now)
        if retry is None:
            return False
        self._run_retry(tx, retry, now)
        return True

    def _run_retry(self, tx: Connection, retry: FailedHandler, now: datetime) -> None:
        error: str | None
        try:
            event, handler = self._load_retry(retry)
        except LookupError as gone:
            error, is_final = str(gone), True
        else:
            with handled_at(tx, now):
                error, is_final = self._attempt(tx, event, handler), False
        if error is None:
            store.delete_retry(tx, retry.id)
            return
        attempts = retry.attempts + 1
        store.set_retry_failed(
            tx,
            retry.id,
            try_at=now + backoff(attempts),
            error=error,
            dead=is_final or attempts >= MAX_ATTEMPTS,
        )

    def _load_retry(self, retry: FailedHandler) -> tuple[Event, Handler]:
        """Raises LookupError if this version has no such handler or event, or cannot read it."""
        handler = self._by_name.get(retry.handler)
        kind = self._kinds.get(retry.event)
        if handler is None or kind is None:
            raise LookupError(f"The handler {retry.handler} no longer exists.")
        try:
            return from_json(kind, retry.payload), handler
        except ValidationError as error:
            raise LookupError("The event was stored in an older format.") from error


class _TakesTooLong(Exception):
    """A batch has taken `MAX_SECONDS` and is not done."""


def _summary(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
