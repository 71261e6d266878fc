"""The doorbell between the web server and the bot: Redis pub/sub, or the process itself.

The database is the truth; a message here only says "look now". Losing one costs a few seconds,
because every listener also looks by itself from time to time.
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol

import redis
import structlog

CHANNEL = "bot_events"
"""The one Redis channel. Messages are JSON objects with at least the key `bell`."""

Listener = Callable[[dict[str, Any]], None]

_log = structlog.get_logger(__name__)


class Bus(Protocol):
    """What both kinds of bus can do."""

    def listen(self, bell: str, listener: Listener) -> None:
        """Call `listener(message)` for every message with this bell, on any thread."""

    def publish(self, bell: str, **data: object) -> None:
        """Tell everybody. Never raises and never blocks for long."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def trouble(self) -> str | None:
        """Why the bus does not reach other processes, or None while it does."""


class LocalBus:
    """For one process: listeners are called directly."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = defaultdict(list)

    def listen(self, bell: str, listener: Listener) -> None:
        self._listeners[bell].append(listener)

    def publish(self, bell: str, **data: object) -> None:
        self.deliver({"bell": bell, **data})

    def deliver(self, message: dict[str, Any]) -> None:
        for listener in self._listeners.get(message.get("bell", ""), ()):
            listener(message)

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""

    def trouble(self) -> str | None:
        return None


class RedisBus:
    """For several processes. While Redis is away the listeners of this process are called
    directly and the others find the news by looking: slower, never lost."""

    RETRY_SECONDS = 2.0

    def __init__(self, url: str) -> None:
        self._local = LocalBus()
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=5,
            socket_connect_timeout=0.5,
            decode_responses=True,
            encoding_errors="replace",  # anybody may write anything on the channel
        )
        self._trouble: str | None = None
        self._try_again_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._hear, name="redis-bus", daemon=True)

    def listen(self, bell: str, listener: Listener) -> None:
        self._local.listen(bell, listener)

    def publish(self, bell: str, **data: object) -> None:
        message = {"bell": bell, **data}
        if time.monotonic() >= self._try_again_at:
            try:
                self._redis.publish(CHANNEL, json.dumps(message))
                self._recovered()
                return
            except redis.RedisError as error:
                self._failed(error)
        self._local.deliver(message)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        self._redis.close()

    def trouble(self) -> str | None:
        return self._trouble

    def ping(self) -> None:
        """Raises redis.RedisError when the server does not answer."""
        self._redis.ping()

    def _hear(self) -> None:
        while not self._stopping.is_set():
            try:
                self._hear_until_lost()
            except redis.RedisError as error:
                self._failed(error)
            except Exception:  # this thread's edge: a listener's bug must not leave us deaf
                _log.exception("A listener of the bus failed")
            else:
                continue
            self._stopping.wait(self.RETRY_SECONDS / 2)

    def _hear_until_lost(self) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
            pubsub.subscribe(CHANNEL)
            self._recovered()
            while not self._stopping.is_set():
                received = pubsub.get_message(timeout=0.5)
                if received is not None:
                    self._deliver_text(received["data"])

    def _deliver_text(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if isinstance(message, dict) and isinstance(message.get("bell"), str):
            self._local.deliver(message)
        else:
            _log.warning("A message on the bus was not understood", channel=CHANNEL)

    def _failed(self, error: redis.RedisError) -> None:
        self._try_again_at = time.monotonic() + self.RETRY_SECONDS
        if self._trouble is None:
            _log.warning("Redis does not answer; working on by looking", reason=str(error))
        self._trouble = type(error).__name__

    def _recovered(self) -> None:
        if self._trouble is not None:
            _log.info("Redis answers again")
        self._trouble = None


def connect_bus(url: str | None) -> LocalBus | RedisBus:
    """The bus for this address; without one, the process itself."""
    return RedisBus(url) if url else LocalBus()
