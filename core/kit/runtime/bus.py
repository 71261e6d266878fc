"""Notifications between the web server and the bot: Redis pub/sub, or the process itself.

Messages only wake up consumers. Losing one costs a few seconds, because every consumer also polls
the database.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol
from uuid import uuid4

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

CHANNEL = "bot_events"
"""The one Redis channel. Messages are JSON objects with at least the key `topic`."""

ANSWER_SECONDS = 0.5
"""Redis counts as down if it does not respond within this time."""

MAX_PENDING = 1000
"""Maximum number of distinct messages that wait for Redis; more are dropped."""

_FROM = "from"
"""Key of the sending process, which has already called its own subscribers."""

Subscriber = Callable[[dict[str, Any]], None]

_log = structlog.get_logger(__name__)


class Bus(Protocol):
    """The interface of both buses."""

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        """Call `subscriber(message)` for every message of this topic, on any thread."""

    def publish(self, topic: str, **data: object) -> None:
        """Notify all subscribers. Never raises and never blocks."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def trouble(self) -> str | None:
        """Why the bus does not reach other processes; None if it does."""


class LocalBus:
    """For one process: subscribers are called directly."""

    def __init__(self) -> None:
        self._subscribers: dict[str, list[Subscriber]] = defaultdict(list)

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        self._subscribers[topic].append(subscriber)

    def publish(self, topic: str, **data: object) -> None:
        self.deliver({"topic": topic, **data})

    def deliver(self, message: dict[str, Any]) -> None:
        for subscriber in self._subscribers.get(message["topic"], ()):
            try:
                subscriber(message)
            except Exception:  # the publisher has already committed
                _log.exception("A bus subscriber failed", topic=message["topic"])

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""

    def trouble(self) -> str | None:
        return None


class RedisBus:
    """For several processes. Subscribers of this process are called directly. A thread sends to
    the other processes through Redis, so publishing never blocks. While Redis is down or slow, the
    others find new work by polling."""

    RETRY_SECONDS = 2.0
    PING_SECONDS = 2.0
    RECEIVE_SECONDS = 0.5
    """Maximum duration of stopping."""

    def __init__(self, url: str) -> None:
        self._local = LocalBus()
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            # Retry once if Redis has closed the connection, but not after a timeout.
            retry=Retry(NoBackoff(), 1, (redis.ConnectionError,)),
            decode_responses=True,
            encoding_errors="replace",  # any client may publish on the channel
        )
        self._process = uuid4().hex
        self._guard = threading.Lock()
        self._pending: dict[str, None] = {}
        self._has_pending = threading.Event()
        self._troubles: dict[str, str] = {}
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._receive_loop, name="redis-receive", daemon=True),
            threading.Thread(target=self._send_loop, name="redis-send", daemon=True),
        ]

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        self._local.subscribe(topic, subscriber)

    def publish(self, topic: str, **data: object) -> None:
        message = {"topic": topic, **data}
        self._local.deliver(message)
        text = json.dumps(message | {_FROM: self._process})
        with self._guard:
            if len(self._pending) < MAX_PENDING:
                self._pending[text] = None  # duplicates are sent once
        self._has_pending.set()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._has_pending.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=2)
        self._redis.close()

    def trouble(self) -> str | None:
        return next(iter(self._troubles.copy().values()), None)

    def ping(self) -> None:
        """Raises redis.RedisError if the server does not respond."""
        self._redis.ping()

    # -- sending to other processes ----------------------------------------------------------

    def _send_loop(self) -> None:
        while not self._stopping.is_set():
            self._has_pending.wait(self.PING_SECONDS)
            try:
                self._send(self._take_pending())
            except redis.RedisError as error:
                self._failed("sending", error)
                self._stopping.wait(self.RETRY_SECONDS)
                self._take_pending()  # the others have polled in the meantime
            else:
                self._recovered("sending")

    def _take_pending(self) -> list[str]:
        self._has_pending.clear()
        with self._guard:
            texts, self._pending = list(self._pending), {}
        return texts

    def _send(self, texts: list[str]) -> None:
        """Publish these, or ping Redis if there are none."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for text in texts:
                pipeline.publish(CHANNEL, text)
            if not texts:
                pipeline.ping()
            pipeline.execute()

    # -- receiving from other processes ------------------------------------------------------

    def _receive_loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self._receive_until_lost()
            except redis.RedisError as error:
                self._failed("receiving", error)
                self._stopping.wait(self.RETRY_SECONDS / 2)

    def _receive_until_lost(self) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
            pubsub.subscribe(CHANNEL)
            self._recovered("receiving")
            while not self._stopping.is_set():
                received = pubsub.get_message(timeout=self.RECEIVE_SECONDS)
                if received is not None:
                    self._deliver_text(received["data"])

    def _deliver_text(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("topic"), str):
            _log.warning("Ignored an invalid message on the bus", channel=CHANNEL)
        elif message.pop(_FROM, None) != self._process:
            self._local.deliver(message)

    def _failed(self, what: str, error: redis.RedisError) -> None:
        if not self._troubles:
            _log.warning("Redis is not responding; other processes poll", reason=str(error))
        self._troubles[what] = type(error).__name__

    def _recovered(self, what: str) -> None:
        if self._troubles.pop(what, None) and not self._troubles:
            _log.info("Redis answers again")


def connect_bus(url: str | None) -> LocalBus | RedisBus:
    """The bus for this address; without an address, a local one."""
    return RedisBus(url) if url else LocalBus()
