"""The outbox sender claims due messages lane by lane, sends them and stores the outcome.

It runs on the bot's event loop. A message is marked `sending` before it is sent and `sent` after,
and its lease is renewed in between. If the process dies, the lease expires, and the next sender
asks the transport whether the message was delivered.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import Connection

from core.kit.database.connection import Database, DatabaseOutage, savepoint
from core.kit.errors import Outage, Refusal, backoff, trouble_code
from core.kit.health_item import HealthItem
from core.kit.runtime.clock import Clock, utc_now
from core.outbox import store
from core.outbox.records import Outgoing
from core.outbox.store import LEASE
from core.outbox.transport import (
    ChannelRefusalHandler,
    ChannelRefused,
    Receipt,
    Settler,
    Transport,
    Unsure,
)

MAX_CONCURRENT = 16
MAX_ATTEMPTS = 8
GIVE_UP_AFTER = timedelta(hours=24)
"""After this long, the messages for a service that is down become dead letters."""

QUIET_SECONDS = 60.0
QUIET_FACTOR = 3
"""After a minute without messages, polls are this many times rarer; notifications still wake the
sender."""

UNSURE_SECONDS = 5.0
"""Delay before the transport is asked whether a message was delivered."""

_log = structlog.get_logger(__name__)
_outcomes = Counter("outbox_messages", "Messages by outcome", ["service", "outcome"])
_delay = Histogram("outbox_delay_seconds", "From posting to sent", ["service"])


class _LeaseLost(Exception):
    """The lease expired, and another sender has claimed the message."""


def _must_hold(held: object) -> None:
    if not held:
        raise _LeaseLost


class Sender:
    """Sends the messages of the outbox. Any number of senders may run side by side.

    Args:
        transports: service -> transport.
        settlers: kind -> the feature's handler of its receipts.
        on_channel_refused: called for each message that a channel does not accept.
    """

    POLL_SECONDS = 1.0
    RENEW_SECONDS = LEASE.total_seconds() / 4

    def __init__(
        self,
        database: Database,
        transports: Mapping[str, Transport],
        clock: Clock = utc_now,
        settlers: Mapping[str, Settler] | None = None,
        on_channel_refused: ChannelRefusalHandler | None = None,
    ) -> None:
        self._database = database
        self._transports = transports
        self._clock = clock
        self._settlers = settlers or {}
        self._on_channel_refused = on_channel_refused
        self._wakeup = asyncio.Event()
        self._active: dict[asyncio.Task[None], Outgoing] = {}
        self._trouble: str | None = None
        self._running = False

    def wake(self) -> None:
        """Check for messages now. Call it on the sender's event loop."""
        self._wakeup.set()

    def status(self) -> HealthItem:
        """For the health page."""
        if not self._running:
            return HealthItem("Outbox sender", "down", "It is not running.")
        if self._trouble:
            return HealthItem("Outbox sender", "warn", self._trouble)
        return HealthItem("Outbox sender", "ok", "Working.")

    async def run(self) -> None:
        """Send until cancelled; messages that are being sent then are finished."""
        self._running = True
        renewing = asyncio.create_task(self._keep_leases())
        sent_at = time.monotonic()
        try:
            while True:
                self._wakeup.clear()
                if await self._send_due():
                    sent_at = time.monotonic()
                    continue
                is_quiet = time.monotonic() - sent_at > QUIET_SECONDS
                poll = self.POLL_SECONDS * (QUIET_FACTOR if is_quiet else 1)
                # Not wait_for(): in Python 3.11 it swallows a cancellation on wake-up.
                with suppress(TimeoutError):
                    async with asyncio.timeout(poll):
                        await self._wakeup.wait()
        finally:
            self._running = False
            if self._active:
                await asyncio.wait(self._active, timeout=3)
            renewing.cancel()

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self.RENEW_SECONDS)
            if self._active:
                try:
                    await self._database.run(store.renew_leases, list(self._active.values()))
                except Outage as outage:
                    _log.info("Renewing leases failed", reason=outage.reason)
                except Exception:
                    _log.exception("Renewing leases failed")

    async def _send_due(self) -> bool:
        capacity = MAX_CONCURRENT - len(self._active)
        if capacity <= 0:
            return False
        try:
            due = await self._claim(capacity)
            self._trouble = None
        except Outage as outage:
            self._report_trouble(str(outage))
            return False
        except Exception:  # the sender must survive every bug
            self._report_trouble("Unexpected error; see the log.")
            _log.exception("Outbox sender failed")
            return False
        self._start_sending(due)
        return bool(due)

    def _claim_due(self, tx: Connection, maximum: int, active: list[int]) -> list[Outgoing]:
        now = self._clock()
        for service in store.expire(tx, now):
            _outcomes.labels(service, "expired").inc()
        return store.claim_due(tx, now, maximum, active)

    async def _claim(self, maximum: int) -> list[Outgoing]:
        active = [message.id for message in self._active.values()]
        claim = asyncio.create_task(self._database.run(self._claim_due, maximum, active))
        try:
            return await asyncio.shield(claim)
        except asyncio.CancelledError:
            # The thread still claims messages. Send them, or they would wait until their leases
            # expire.
            with suppress(Exception):
                self._start_sending(await claim)
            raise

    def _start_sending(self, due: Iterable[Outgoing]) -> None:
        for message in due:
            task = asyncio.create_task(self._send(message))
            self._active[task] = message
            task.add_done_callback(self._finished)

    def _report_trouble(self, reason: str) -> None:
        if self._trouble != reason:
            _log.warning("Outbox sender is paused", reason=reason)
        self._trouble = reason

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._active.pop(task, None)
        self._wakeup.set()
        if not task.cancelled() and task.exception() is not None:
            # Storing the outcome failed. The message stays `sending` until its lease expires.
            self._report_trouble(str(task.exception()))

    async def _send(self, message: Outgoing) -> None:
        try:
            await self._attempt(message)
        except _LeaseLost:
            # The other sender finds out whether the message was delivered.
            _log.warning("Another sender claimed a message whose lease expired", key=message.key)
            _outcomes.labels(message.service, "lost").inc()

    async def _attempt(self, message: Outgoing) -> None:
        try:
            receipt = await self._deliver(message)
        except Refusal as refusal:
            await self._set_dead(message, " ".join((refusal.what, refusal.remedy)).strip())
            if isinstance(refusal, ChannelRefused) and self._on_channel_refused is not None:
                now = self._clock()
                await self._database.run(self._on_channel_refused, message, refusal, now)
        except Outage as outage:
            patience = timedelta.max if isinstance(outage, DatabaseOutage) else GIVE_UP_AFTER
            await self._retry_later(message, str(outage), outage.retry_after, patience=patience)
        except Unsure as unsure:
            pause = max(backoff(message.attempts).total_seconds(), UNSURE_SECONDS)
            await self._retry_later(message, str(unsure), pause, unsure=True)
        except _LeaseLost:
            raise
        except Exception as error:  # a bug must not block the lane
            await self._fail(message, error)
        else:
            await self._database.run(self._store_sent, message, receipt)
            _outcomes.labels(message.service, "sent").inc()
            _delay.labels(message.service).observe(
                (self._clock() - message.posted_at).total_seconds()
            )

    def _store_sent(self, tx: Connection, message: Outgoing, receipt: Receipt) -> None:
        now, settle = self._clock(), self._settlers.get(message.kind)
        if settle is not None:
            try:
                with savepoint(tx):
                    settle(tx, message, receipt, now)
            except DatabaseOutage:
                raise
            except Exception:  # a bug of that feature; the message was sent
                _log.exception("A receipt handler failed", code=trouble_code(), key=message.key)
        _must_hold(store.set_sent(tx, message, now, receipt))

    async def _deliver(self, message: Outgoing) -> Receipt:
        transport = self._transports.get(message.service)
        if transport is None:
            raise Refusal(f"There is no transport for {message.service}.")
        if message.unsure:
            receipt = await transport.confirm(message)
            if receipt is not None:
                return receipt
            # If that took too long, another sender may have claimed it in the meantime.
            _must_hold(await self._database.run(store.renew_leases, [message]))
        return await transport.deliver(message)

    async def _retry_later(
        self,
        message: Outgoing,
        error: str,
        seconds: float | None,
        *,
        unsure: bool = False,
        patience: timedelta = GIVE_UP_AFTER,
    ) -> None:
        """Schedule another attempt, or give up if the message is too old.

        `unsure`: this attempt may have succeeded. Once set, it stays until the transport knows
        whether the message was delivered.
        """
        now = self._clock()
        if now - message.posted_at > patience:
            await self._set_dead(message, error)
            return
        try_at = now + (
            backoff(message.attempts) if seconds is None else timedelta(seconds=seconds)
        )
        held = await self._database.run(
            store.set_waiting,
            message,
            try_at=try_at,
            error=error,
            unsure=unsure or message.unsure,
        )
        _must_hold(held)
        _outcomes.labels(message.service, "later").inc()

    async def _fail(self, message: Outgoing, error: Exception) -> None:
        code = trouble_code()
        _log.exception(
            "Sending a message failed", code=code, kind=message.kind, guild_id=message.guild_id
        )
        reason = f"{type(error).__name__} ({code})"
        if message.attempts >= MAX_ATTEMPTS:
            await self._set_dead(message, reason)
        else:
            await self._retry_later(message, reason, None)

    async def _set_dead(self, message: Outgoing, error: str) -> None:
        _must_hold(await self._database.run(store.set_dead, message, error))
        _log.warning(
            "A message became a dead letter",
            kind=message.kind,
            reason=error,
            guild_id=message.guild_id,
        )
        _outcomes.labels(message.service, "dead").inc()
