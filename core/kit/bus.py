"""Notifications between the web server and the bot: Redis pub/sub, or the process itself.

The database is the truth; a message here only says "look now". Losing one costs a few seconds,
because every listener also polls.
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
"""The one Redis channel. Messages are JSON objects with at least the key `bell`."""

ANSWER_SECONDS = 0.5
"""How long Redis may take for anything before it counts as away."""

MOST_UNTOLD = 1000
"""Different messages that wait for Redis; more of them are dropped."""

_FROM = "from"
"""Key of the process that sent a message: it has told its own listeners already."""

Listener = Callable[[dict[str, Any]], None]

_log = structlog.get_logger(__name__)


class Bus(Protocol):
    """What both kinds of bus can do."""

    def listen(self, bell: str, listener: Listener) -> None:
        """Call `listener(message)` for every message with this bell, on any thread."""

    def publish(self, bell: str, **data: object) -> None:
        """Tell everybody. Never raises and waits for nobody."""

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
        for listener in self._listeners.get(message["bell"], ()):
            try:
                listener(message)
            except Exception:  # whoever publishes has committed and must not fail for it
                _log.exception("A listener of the bus failed", bell=message["bell"])

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""

    def trouble(self) -> str | None:
        return None


class RedisBus:
    """For several processes. Listeners of this process are called directly; the other processes
    are told through Redis by a thread of its own, so that nobody who publishes waits for Redis.
    While Redis is away or slow, they find the news by looking: later, never lost."""

    RETRY_SECONDS = 2.0
    PING_SECONDS = 2.0

    def __init__(self, url: str) -> None:
        self._local = LocalBus()
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            # Once more for a connection that Redis has closed meanwhile, but not for a timeout.
            retry=Retry(NoBackoff(), 1, (redis.ConnectionError,)),
            decode_responses=True,
            encoding_errors="replace",  # anybody may write anything on the channel
        )
        self._process = uuid4().hex
        self._guard = threading.Lock()
        self._untold: dict[str, None] = {}
        self._something_untold = threading.Event()
        self._troubles: dict[str, str] = {}
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep_hearing, name="redis-hear", daemon=True),
            threading.Thread(target=self._keep_telling, name="redis-tell", daemon=True),
        ]

    def listen(self, bell: str, listener: Listener) -> None:
        self._local.listen(bell, listener)

    def publish(self, bell: str, **data: object) -> None:
        message = {"bell": bell, **data}
        self._local.deliver(message)
        text = json.dumps(message | {_FROM: self._process})
        with self._guard:
            if len(self._untold) < MOST_UNTOLD:
                self._untold[text] = None  # duplicates are sent once
        self._something_untold.set()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._something_untold.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=2)
        self._redis.close()

    def trouble(self) -> str | None:
        return next(iter(self._troubles.copy().values()), None)

    def ping(self) -> None:
        """Raises redis.RedisError when the server does not answer."""
        self._redis.ping()

    # -- telling the other processes --------------------------------------------------------

    def _keep_telling(self) -> None:
        while not self._stopping.is_set():
            self._something_untold.wait(self.PING_SECONDS)
            try:
                self._tell(self._take_untold())
            except redis.RedisError as error:
                self._failed("telling", error)
                self._stopping.wait(self.RETRY_SECONDS)
                self._take_untold()  # whoever was to hear it has looked meanwhile
            else:
                self._recovered("telling")

    def _take_untold(self) -> list[str]:
        self._something_untold.clear()
        with self._guard:
            texts, self._untold = list(self._untold), {}
        return texts

    def _tell(self, texts: list[str]) -> None:
        """Tell these; where there are none, find out whether Redis answers."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for text in texts:
                pipeline.publish(CHANNEL, text)
            if not texts:
                pipeline.ping()
            pipeline.execute()

    # -- hearing them -----------------------------------------------------------------------

    def _keep_hearing(self) -> None:
        while not self._stopping.is_set():
            try:
                self._hear_until_lost()
            except redis.RedisError as error:
                self._failed("hearing", error)
                self._stopping.wait(self.RETRY_SECONDS / 2)

    def _hear_until_lost(self) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:  # type: ignore[no-untyped-call]
            pubsub.subscribe(CHANNEL)
            self._recovered("hearing")
            while not self._stopping.is_set():
                received = pubsub.get_message(timeout=0.5)
                if received is not None:
                    self._deliver_text(received["data"])

    def _deliver_text(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("bell"), str):
            _log.warning("A message on the bus was not understood", channel=CHANNEL)
        elif message.pop(_FROM, None) != self._process:
            self._local.deliver(message)

    def _failed(self, what: str, error: redis.RedisError) -> None:
        if not self._troubles:
            _log.warning("Redis does not answer; other processes poll", reason=str(error))
        self._troubles[what] = type(error).__name__

    def _recovered(self, what: str) -> None:
        if self._troubles.pop(what, None) and not self._troubles:
            _log.info("Redis answers again")


def connect_bus(url: str | None) -> LocalBus | RedisBus:
    """The bus for this address; without one, the process itself."""
    return RedisBus(url) if url else LocalBus()
