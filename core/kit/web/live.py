"""Live updates of pages: one stream of server-sent events for each browser, with a topic for each
address that its pages follow. A dashboard's topic only names what has changed; the page then
reloads the affected part.

A browser opens six connections to a host over HTTP/1.1, so its pages share a stream; `live.js` is
the other side. A change in a table of package `raffle` is published as `raffle` after the commit;
see `core.kit.database.work.note_change`. Each stream takes a thread of the web server, but no
database connection while it waits.
"""

import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from flask import Response, request

from core.kit.database.work import CHANGED
from core.kit.errors import Outage
from core.kit.runtime.bus import Bus
from core.kit.runtime.deadlines import OVERLAYS, budget_of

MAX_STREAMS = 60
"""Maximum per process; `OVERLAY_THREADS` in `core.kit.web.worker` is slightly larger."""
MAX_PER_SESSION = 3
PING_SECONDS = 15.0
CHECK_SECONDS = 1.0
"""How often a stream checks whether its tab is still open."""

POLL_SECONDS = 3
"""Poll interval of browsers that cannot share a stream among pages."""

PAUSE_SECONDS = 0.5
"""Minimum time between two messages of a stream, so that a busy chat does not reload a page
constantly.
"""

ANYTHING = "anything"
"""In place of a package: anything on the page may have changed."""

_FULL = "retry: 15000\nevent: full\ndata:\n\n"
"""Makes the browser try again later; it would not after an error status."""


_ONCE = f"retry: {POLL_SECONDS * 1000}\nevent: open\ndata:\n\n"

GONE = "event: gone\ndata:\n\n"
"""The topic can no longer be followed."""

LATER = "event: later\ndata:\n\n"
"""The rights for the topic are not known right now."""
RECHECK_SECONDS = 5.0
"""How often a stream checks whether its browser may still follow its topics."""

Say = Callable[[set[str]], str | None]
"""`say(changed)` -> messages about these packages, or None to end the topic."""


def say_names(changed: set[str]) -> str:
    """One message for each package."""
    return "".join(f"event: changed\ndata: {package}\n\n" for package in sorted(changed))


def say_names_among(packages: Collection[str]) -> Say:
    """Like `say_names`, for these packages only."""
    return lambda changed: say_names(changed & {*packages, ANYTHING})


@dataclass(frozen=True, eq=False)
class Topic:
    """A topic that a page follows.

    Attributes:
        address: its name in the stream.
        mark: the key it is counted by in `LiveStreams.count`.
        since: a position, "" for now; see `LiveStreams.position`.
        is_allowed: whether the browser may still follow it; called from time to time, on the
            stream's thread and outside of the request.
    """

    guild_id: int
    say: Say = say_names
    address: str = ""
    mark: str = ""
    since: str = ""
    is_allowed: Callable[[], bool] = lambda: True


@dataclass(eq=False)
class _Stream:
    session: str
    changed: dict[Topic, set[str]]
    ended: bool = False

    @property
    def has_changed(self) -> bool:
        return any(self.changed.values())


class LiveStreams:
    """The open streams of this process.

    Args:
        maximum: maximum number of streams; each takes a thread.
        per_session: maximum number per session; its oldest stream ends when another is opened.
    """

    def __init__(
        self, bus: Bus, *, maximum: int = MAX_STREAMS, per_session: int = MAX_PER_SESSION
    ) -> None:
        self._most = maximum
        self._per_session = per_session
        self._condition = threading.Condition()
        self._streams: list[_Stream] = []
        self._stopping = False
        self._started = secrets.token_hex(4)
        self._count = 0
        self._last: dict[int, dict[str, int]] = {}
        bus.subscribe(CHANGED, self._note)

    def _note(self, message: dict[str, Any]) -> None:
        guild_id, package = int(message["guild_id"]), message["package"]
        with self._condition:
            self._count += 1
            self._last.setdefault(guild_id, {})[package] = self._count
            for stream in self._streams:
                for topic, changed in stream.changed.items():
                    if topic.guild_id == guild_id:
                        changed.add(package)
            self._condition.notify_all()

    def position(self) -> str:
        """The position for the page being rendered: its stream begins with later changes."""
        with self._condition:
            return f"{self._started}.{self._count}"

    def _changed_since(self, guild_id: int, position: str) -> set[str]:
        started, _dot, count = position.partition(".")
        if started != self._started or not count.isdecimal():
            return {ANYTHING} if position else set()
        return {name for name, n in self._last.get(guild_id, {}).items() if n > int(count)}

    def stop(self) -> None:
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    def count(self, mark: str | None = None) -> int:
        """Number of open streams, in total or with this topic."""
        with self._condition:
            return sum(
                mark is None or any(topic.mark == mark for topic in stream.changed)
                for stream in self._streams
            )

    def version(self, guild_id: int, packages: Iterable[str]) -> tuple[int, ...]:
        """Changes whenever one of these packages has changed."""
        with self._condition:
            last = self._last.get(guild_id, {})
            return tuple(last.get(package, 0) for package in packages)

    def response(
        self,
        guild_id: int,
        session: str,
        position: str = "",
        say: Say = say_names,
        *,
        may: Callable[[], bool] = lambda: True,
    ) -> Response:
        """A new stream of one topic, with changes since `position`; `ANYTHING` for all changes. It
        replaces the oldest stream of the same session, if needed. It ends soon after `may()` is
        False.
        """
        return self.follow([Topic(guild_id, say, since=position, is_allowed=may)], session)

    def follow(
        self,
        topics: Sequence[Topic],
        session: str,
        *,
        maximum: int | None = None,
        once: bool = False,
    ) -> Response:
        """A new stream of these topics.

        Args:
            maximum: maximum streams per session, in place of the usual number.
            once: the stream ends after the pending messages.
        """
        stream = _Stream(session, {})
        with self._condition:
            for topic in topics:
                stream.changed[topic] = self._changed_since(topic.guild_id, topic.since)
            if once:
                return _as_stream(iter((_ONCE, *self._take(stream))))
            same = [stream for stream in self._streams if stream.session == session]
            for old in same[: max(0, len(same) - (maximum or self._per_session) + 1)]:
                self._end(old)
            is_full = len(self._streams) >= self._most or self._stopping
            if not is_full:
                self._streams.append(stream)
        peer = request.environ.get("gunicorn.socket")
        response = _as_stream(iter((_FULL,)) if is_full else self._messages(stream, peer))
        if not is_full:
            # Also called when the client has disconnected before the first message.
            response.call_on_close(lambda: self._close(stream))
        return response

    def _close(self, stream: _Stream) -> None:
        with self._condition:
            self._end(stream)

    def _end(self, stream: _Stream) -> None:
        stream.ended = True
        if stream in self._streams:
            self._streams.remove(stream)
        self._condition.notify_all()

    def _messages(self, stream: _Stream, peer: socket.socket | None) -> Iterator[str]:
        yield "event: open\ndata:\n\n"
        last = looked_at = time.monotonic()
        while True:
            with self._condition:
                if not (stream.has_changed or stream.ended or self._stopping):
                    self._condition.wait(CHECK_SECONDS)
                if stream.ended or self._stopping:
                    return
            if _has_left(peer):
                return
            if time.monotonic() - looked_at > RECHECK_SECONDS:
                looked_at = time.monotonic()
                with budget_of(OVERLAYS):
                    dropped = "".join(self._drop_forbidden(stream))
                if dropped:
                    yield dropped
            if stream.has_changed:
                with budget_of(OVERLAYS):
                    messages = "".join(self._take(stream))
                if messages:
                    yield messages
                    last = time.monotonic()
                    time.sleep(PAUSE_SECONDS)
            elif time.monotonic() - last > PING_SECONDS:
                yield ": ping\n\n"
                last = time.monotonic()
            if not stream.changed:
                return

    def _drop_forbidden(self, stream: _Stream) -> Iterator[str]:
        for topic in [topic for topic in stream.changed if not _still(topic.is_allowed)]:
            del stream.changed[topic]
            if topic.address:
                yield _tag(topic) + GONE

    def _take(self, stream: _Stream) -> Iterator[str]:
        """The messages to send now. Topics that end leave the stream."""
        with self._condition:
            taken = [(topic, changed) for topic, changed in stream.changed.items() if changed]
            for topic, _changed in taken:
                stream.changed[topic] = set()
            position = f"{self._started}.{self._count}"
        for topic, changed in taken:
            messages = topic.say(changed)
            if messages is None:
                del stream.changed[topic]
            elif messages:
                yield _tag(topic) + messages
        if any(topic.address for topic, _changed in taken):
            yield f"id: {position}\nevent: told\ndata:\n\n"


def _tag(topic: Topic) -> str:
    """Names the topic of the next messages."""
    return f"event: topic\ndata: {topic.address}\n\n" if topic.address else ""


def _as_stream(body: Iterator[str]) -> Response:
    response = Response(body, content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


_guard = threading.Lock()
_shared: "WeakKeyDictionary[Bus, LiveStreams]" = WeakKeyDictionary()


def streams_of(bus: Bus) -> LiveStreams:
    """The streams of this process."""
    with _guard:
        if bus not in _shared:
            _shared[bus] = LiveStreams(bus)
        return _shared[bus]


def _still(may: Callable[[], bool]) -> bool:
    """During an outage, previous permissions stay valid."""
    try:
        return may()
    except Outage:
        return True


def _has_left(peer: socket.socket | None) -> bool:
    """Whether the browser has closed the connection. A write would notice much later."""
    if peer is None:
        return False
    try:
        readable, _writable, _failed = select.select([peer], [], [], 0)
        return bool(readable) and not peer.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True
