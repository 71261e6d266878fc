"""Event subscriptions and their signed deliveries: one delivery per subscription, each with its own
message id, in order within a channel. Kick was never seen to retry, so a failed delivery is lost
unless a fault asks for retries."""

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import Any

import aiohttp

from sandbox.change_feed import ChangeFeed
from sandbox.faults import Faults
from sandbox.kick.bodies import EVENT_TYPES, Body
from sandbox.kick.ids import now, seconds, ulid
from sandbox.kick.signing import SigningKey

RECORDS_KEPT = 20_000


@dataclass(frozen=True)
class Subscription:
    """An app's subscription to one event of one channel; duplicates are allowed."""

    id: str
    broadcaster_user_id: int
    event: str
    version: int
    created_at: str


@dataclass(frozen=True)
class PendingDelivery:
    """A delivery before it is sent."""

    message_id: str
    subscription_id: str
    type: str
    body: bytes
    channel: int
    due: float
    attempt: int = 1


@dataclass
class Delivery:
    """A finished attempt; ``status`` is None when nobody answered (see ``error``) or it was
    dropped."""

    message_id: str
    subscription_id: str
    type: str
    status: int | None
    ms: float
    attempt: int
    at: str
    error: str | None = None


@dataclass
class Answer:
    """The receiver's answer."""

    status: int | None
    body: str
    ms: float
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass
class _ChannelQueue:
    """One channel's deliveries, in order."""

    deliveries: deque[PendingDelivery] = field(default_factory=deque)
    held: list[PendingDelivery] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


def compact(body: object) -> bytes:
    """JSON as Kick sends it: no spaces, UTF-8."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


class Webhooks:
    """The app's subscriptions and the sender of deliveries."""

    def __init__(self, url: str, key: SigningKey, changes: ChangeFeed, faults: Faults) -> None:
        self.url = url
        self.enabled = True
        self.key = key
        self.subscriptions: dict[str, Subscription] = {}
        self.records: deque[Delivery] = deque(maxlen=RECORDS_KEPT)
        self._changes = changes
        self._faults = faults
        self._queues: dict[int, _ChannelQueue] = {}
        self._failing_since: dict[str, float] = {}
        self._pending_count = 0
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Must run on the sandbox's loop."""
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": "Go-http-client/1.1"}, auto_decompress=True
        )

    async def close(self) -> None:
        """Cancel pending deliveries and stop."""
        tasks = [queue.task for queue in self._queues.values() if queue.task is not None]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._queues.clear()
        if self._session is not None:
            await self._session.close()

    def switch(self, enabled: bool) -> None:
        """The portal's webhook switch; switching off removes all subscriptions."""
        self.enabled = enabled
        if not enabled:
            self.subscriptions.clear()
            self._changes.publish("kick.subscription", count=0)

    def subscribe(self, channel: int, event: str, version: int) -> Subscription:
        """Add a subscription; duplicates are allowed."""
        added = Subscription(ulid(), channel, event, version, seconds(now()))
        self.subscriptions[added.id] = added
        self._failing_since.pop(event, None)
        self._changes.publish("kick.subscription", count=len(self.subscriptions))
        return added

    def unsubscribe(self, subscription_id: str) -> None:
        """Remove a subscription; an unknown one is no error."""
        self.subscriptions.pop(subscription_id, None)
        self._changes.publish("kick.subscription", count=len(self.subscriptions))

    def publish(self, channel: int, event: str, body: Body) -> list[str]:
        """Queue an event for all its subscriptions; returns the message ids."""
        raw = compact(body)
        deliveries = [
            self._pending(subscription, raw)
            for subscription in self.subscriptions.values()
            if subscription.event == event and subscription.broadcaster_user_id == channel
        ]
        for pending in deliveries:
            self._post(pending)
        return [pending.message_id for pending in deliveries]

    def _pending(self, subscription: Subscription, raw: bytes) -> PendingDelivery:
        due = time.monotonic() + self._faults.number("kick.webhook.delay_ms") / 1000
        channel = subscription.broadcaster_user_id
        return PendingDelivery(ulid(), subscription.id, subscription.event, raw, channel, due)

    def _post(self, pending: PendingDelivery) -> None:
        chosen = str(self._faults.get("kick.webhook.drop_only")) in pending.type
        if chosen and self._faults.take("kick.webhook.drop"):
            self._record(pending, Answer(None, "", 0.0, "dropped"))
            return
        self._enqueue(pending)
        if self._faults.take("kick.webhook.duplicate"):
            self._enqueue(pending)
        if self._faults.take("kick.webhook.duplicate_new_id"):
            self._enqueue(replace(pending, message_id=ulid()))

    def _enqueue(self, pending: PendingDelivery) -> None:
        queue = self._queues.get(pending.channel)
        if queue is None:
            queue = self._queues[pending.channel] = _ChannelQueue()
            queue.task = asyncio.get_running_loop().create_task(self._run(queue))
        if self._faults.take("kick.webhook.reorder"):
            queue.held.append(pending)
            return
        for each in (pending, *queue.held):
            queue.deliveries.append(each)
            self._pending_count += 1
        queue.held.clear()
        queue.waiting.set()

    async def _run(self, queue: _ChannelQueue) -> None:
        while True:
            await queue.waiting.wait()
            while queue.deliveries:
                pending = queue.deliveries.popleft()
                await asyncio.sleep(max(0.0, pending.due - time.monotonic()))
                try:
                    await self._deliver(pending)
                finally:
                    self._pending_count -= 1
            queue.waiting.clear()

    async def _deliver(self, pending: PendingDelivery) -> None:
        for attempt in range(1, 2 + self._faults.number("kick.webhook.retries")):
            answer = await self._attempt(replace(pending, attempt=attempt))
            if answer.ok:
                self._failing_since.pop(pending.type, None)
                return
            if attempt <= self._faults.number("kick.webhook.retries"):
                await asyncio.sleep(self._faults.number("kick.webhook.retry_delay_ms") / 1000)
        self._note_failure(pending.type)

    async def _attempt(self, pending: PendingDelivery) -> Answer:
        answer = await self.send(self._headers(pending), pending.body)
        self._record(pending, answer)
        return answer

    def _headers(self, pending: PendingDelivery) -> dict[str, str]:
        skew = timedelta(seconds=self._faults.number("kick.webhook.clock_skew_s"))
        timestamp = seconds(now() + skew)
        kind = pending.type
        if self._faults.take("kick.webhook.wrong_type"):
            kind = EVENT_TYPES[(EVENT_TYPES.index(kind) + 1) % len(EVENT_TYPES)]
        headers = self.sign(pending.message_id, timestamp, kind, pending.body)
        headers["Kick-Event-Subscription-Id"] = pending.subscription_id
        if self._faults.take("kick.webhook.bad_signature"):
            forged = self.key.sign(pending.message_id, timestamp, pending.body + b" ")
            headers["Kick-Event-Signature"] = forged
        return headers

    def sign(self, message_id: str, timestamp: str, kind: str, raw: bytes) -> dict[str, str]:
        """The headers of a delivery, without the subscription's id."""
        return {
            "Content-Type": "application/json",
            "Kick-Event-Message-Id": message_id,
            "Kick-Event-Message-Timestamp": timestamp,
            "Kick-Event-Signature": self.key.sign(message_id, timestamp, raw),
            "Kick-Event-Type": kind,
            "Kick-Event-Version": "1",
        }

    async def send(self, headers: Mapping[str, str], raw: bytes) -> Answer:
        """Send one request to the webhook URL; an unreachable receiver is an answer too."""
        if self._session is None:
            raise RuntimeError("the sandbox is not running")
        timeout = aiohttp.ClientTimeout(total=self._faults.number("kick.webhook.timeout_ms") / 1000)
        started = time.monotonic()
        status, text, error = None, "", None
        try:
            async with self._session.post(
                self.url, data=raw, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                status, text = response.status, await response.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as failure:
            error = str(failure) or type(failure).__name__
        return Answer(status, text, round((time.monotonic() - started) * 1000, 2), error)

    def _record(self, pending: PendingDelivery, answer: Answer) -> None:
        delivery = Delivery(
            pending.message_id,
            pending.subscription_id,
            pending.type,
            answer.status,
            answer.ms,
            pending.attempt,
            seconds(now()),
            answer.error,
        )
        self.records.append(delivery)
        self._changes.publish("kick.delivery", **asdict(delivery))

    def _note_failure(self, event: str) -> None:
        """Unsubscribe an event type that has only failed for the configured time."""
        since = self._failing_since.setdefault(event, time.monotonic())
        patience = self._faults.seconds("kick.webhook.unsubscribe_after_s")
        if time.monotonic() - since < patience:
            return
        for subscription in list(self.subscriptions.values()):
            if subscription.event == event:
                self.unsubscribe(subscription.id)
        self._failing_since.pop(event, None)

    @property
    def pending_count(self) -> int:
        return self._pending_count

    def snapshot(self) -> dict[str, Any]:
        """The app's webhook settings and subscriptions, JSON-able."""
        return {
            "url": self.url,
            "enabled": self.enabled,
            "pending_count": self._pending_count,
            "subscriptions": [asdict(each) for each in self.subscriptions.values()],
        }
