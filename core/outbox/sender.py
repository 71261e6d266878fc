"""The sender: claims due messages lane by lane, hands them to the couriers, notes the outcome.

It runs on the bot's event loop. A message is marked `sending` before it leaves and `sent` after,
and its lease is renewed for as long as that takes. If the process dies in between, the lease runs
out, and whoever claims the message next asks the courier whether it arrived.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy import Connection

from core.kit.clock import Clock, utc_now
from core.kit.database import Database, DatabaseOutage, savepoint
from core.kit.errors import Outage, Refusal, trouble_code
from core.kit.part import Part
from core.kit.retry import backoff
from core.outbox import store
from core.outbox.courier import (
    ChannelRefusalHandler,
    ChannelRefused,
    Courier,
    Receipt,
    Settler,
    Unsure,
)
from core.outbox.store import LEASE, Outgoing

AT_ONCE = 16
MOST_ATTEMPTS = 8
PATIENCE = timedelta(hours=24)
"""How long a service may be away before its messages go to the shelf."""

UNSURE_SECONDS = 5.0
"""What may have arrived gets some time to be seen before anybody is asked about it."""

_log = structlog.get_logger(__name__)
_outcomes = Counter("outbox_messages", "Messages by what became of them", ["service", "outcome"])
_delay = Histogram("outbox_delay_seconds", "From posting to sent", ["service"])


class _LeaseLost(Exception):
    """The lease ran out, and another sender has claimed the message."""


def _must_hold(held: object) -> None:
    if not held:
        raise _LeaseLost


class Sender:
    """Sends what the outbox holds. Any number of senders may run side by side.

    Args:
        database: the gate.
        couriers: service -> courier.
        clock: for retry times.
        settlers: kind -> what its feature makes of a receipt.
        on_channel_refused: called for each post that its channel does not accept.
    """

    POLL_SECONDS = 1.0
    RENEW_SECONDS = LEASE.total_seconds() / 4

    def __init__(
        self,
        database: Database,
        couriers: Mapping[str, Courier],
        clock: Clock = utc_now,
        settlers: Mapping[str, Settler] | None = None,
        on_channel_refused: ChannelRefusalHandler | None = None,
    ) -> None:
        self._database = database
        self._couriers = couriers
        self._clock = clock
        self._settlers = settlers or {}
        self._on_channel_refused = on_channel_refused
        self._doorbell = asyncio.Event()
        self._active: dict[asyncio.Task[None], Outgoing] = {}
        self._trouble: str | None = None
        self._running = False

    def ring(self) -> None:
        """There is something to send; call it on the sender's loop."""
        self._doorbell.set()

    def status(self) -> Part:
        """For the health page."""
        if not self._running:
            return Part("Outbox sender", "down", "It is not running.")
        if self._trouble:
            return Part("Outbox sender", "warn", self._trouble)
        return Part("Outbox sender", "ok", "Working.")

    async def run(self) -> None:
        """Send until cancelled; what is on its way by then is finished."""
        self._running = True
        renewing = asyncio.create_task(self._keep_leases())
        try:
            while True:
                self._doorbell.clear()
                if not await self._send_due():
                    # Not wait_for(): in Python 3.11 it swallows a cancellation that meets a ring.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self.POLL_SECONDS):
                            await self._doorbell.wait()
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
                    _log.info("Leases could not be renewed", reason=outage.reason)
                except Exception:  # it must outlive every bug, like the sender
                    _log.exception("Leases could not be renewed")

    async def _send_due(self) -> bool:
        feature = AT_ONCE - len(self._active)
        if feature <= 0:
            return False
        try:
            due = await self._claim(feature)
            self._trouble = None
        except Outage as outage:
            self._complain(str(outage))
            return False
        except Exception:  # the sender's edge: it must outlive every bug
            self._complain("Unexpected error; see the log.")
            _log.exception("The outbox sender failed")
            return False
        self._begin(due)
        return bool(due)

    async def _claim(self, most: int) -> list[Outgoing]:
        active = [message.id for message in self._active.values()]
        claim = asyncio.create_task(
            self._database.run(store.claim_due, self._clock(), most, active)
        )
        try:
            return await asyncio.shield(claim)
        except asyncio.CancelledError:
            # The thread goes on and marks what it claims: that is sent before we end, or nobody
            # could send it until the lease runs out.
            with suppress(Exception):
                self._begin(await claim)
            raise

    def _begin(self, due: Iterable[Outgoing]) -> None:
        for message in due:
            task = asyncio.create_task(self._send(message))
            self._active[task] = message
            task.add_done_callback(self._finished)

    def _complain(self, reason: str) -> None:
        if self._trouble != reason:
            _log.warning("The outbox waits", reason=reason)
        self._trouble = reason

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._active.pop(task, None)
        self._doorbell.set()
        if not task.cancelled() and task.exception() is not None:
            # Noting the outcome failed. The message stays `sending` until its lease runs out.
            self._complain(str(task.exception()))

    async def _send(self, message: Outgoing) -> None:
        try:
            await self._attempt(message)
        except _LeaseLost:
            # Whoever has the message now asks whether it arrived; the outcome is theirs to note.
            _log.warning("Another sender has taken over a message", key=message.key)
            _outcomes.labels(message.service, "lost").inc()

    async def _attempt(self, message: Outgoing) -> None:
        try:
            receipt = await self._hand_over(message)
        except Refusal as refusal:
            await self._shelve(message, " ".join((refusal.what, refusal.remedy)).strip())
            if isinstance(refusal, ChannelRefused) and self._on_channel_refused is not None:
                now = self._clock()
                await self._database.run(self._on_channel_refused, message, refusal, now)
        except Outage as outage:
            patience = timedelta.max if isinstance(outage, DatabaseOutage) else PATIENCE
            await self._wait(message, str(outage), outage.retry_after, patience=patience)
        except Unsure as doubt:
            pause = max(backoff(message.attempts).total_seconds(), UNSURE_SECONDS)
            await self._wait(message, str(doubt), pause, unsure=True)
        except _LeaseLost:
            raise
        except Exception as error:  # a bug of ours, and the lane must go on
            await self._fail(message, error)
        else:
            await self._database.run(self._note_sent, message, receipt)
            _outcomes.labels(message.service, "sent").inc()
            _delay.labels(message.service).observe(
                (self._clock() - message.posted_at).total_seconds()
            )

    def _note_sent(self, tx: Connection, message: Outgoing, receipt: Receipt) -> None:
        now, settle = self._clock(), self._settlers.get(message.kind)
        if settle is not None:
            try:
                with savepoint(tx):
                    settle(tx, message, receipt, now)
            except DatabaseOutage:
                raise
            except Exception:  # a bug of that feature: what was sent stays sent
                _log.exception("A receipt was not understood", code=trouble_code(), key=message.key)
        _must_hold(store.set_sent(tx, message, now, receipt))

    async def _hand_over(self, message: Outgoing) -> Receipt:
        courier = self._couriers.get(message.service)
        if courier is None:
            raise Refusal(f"Nobody here carries messages to {message.service}.")
        if message.unsure:
            receipt = await courier.confirm(message)
            if receipt is not None:
                return receipt
            # If asking took too long, somebody else may be sending it by now.
            _must_hold(await self._database.run(store.renew_leases, [message]))
        return await courier.deliver(message)

    async def _wait(
        self,
        message: Outgoing,
        error: str,
        seconds: float | None,
        *,
        unsure: bool = False,
        patience: timedelta = PATIENCE,
    ) -> None:
        """Try again later, or give up what was posted too long ago.

        `unsure`: this attempt may have gone through. If an earlier one may have, that stays so
        until the courier has said otherwise.
        """
        now = self._clock()
        if now - message.posted_at > patience:
            await self._shelve(message, error)
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
            "A message could not be sent", code=code, kind=message.kind, guild_id=message.guild_id
        )
        reason = f"{type(error).__name__} ({code})"
        if message.attempts >= MOST_ATTEMPTS:
            await self._shelve(message, reason)
        else:
            await self._wait(message, reason, None)

    async def _shelve(self, message: Outgoing, error: str) -> None:
        _must_hold(await self._database.run(store.set_shelved, message, error))
        _log.warning(
            "A message is given up", kind=message.kind, reason=error, guild_id=message.guild_id
        )
        _outcomes.labels(message.service, "shelved").inc()
