"""Live updates of pages: one stream of server-sent events for each page, which only says what has
changed; the page then asks for the part that shows it.

A change in a table of package `raffle` is published as `raffle` after the commit; see
`core.kit.work.note_change`. Each stream takes a thread of the web server, and no connection of the
database.
"""

import secrets
import select
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Response, request

from core.kit.bus import Bus
from core.kit.errors import Outage
from core.kit.work import CHANGED

MOST_STREAMS = 40
MOST_PER_SESSION = 3
PING_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""How often a stream looks whether its tab is still open."""

PAUSE_SECONDS = 0.5
"""Between two messages of a stream, so that a busy chat does not reload a page all the time."""

ANYTHING = "anything"
"""In place of a package: whatever the page shows may have changed."""

_FULL = "retry: 15000\nevent: full\ndata:\n\n"
"""Tells the browser to try again later; after an error status it would never."""


RECHECK_SECONDS = 5.0
"""How often a stream asks whether its reader may still see it."""

Say = Callable[[set[str]], str | None]
"""`say(changed)` -> messages about these packages, or None to end the stream."""


def say_names(changed: set[str]) -> str:
    """One message for each package."""
    return "".join(f"event: changed\ndata: {package}\n\n" for package in sorted(changed))


def say_names_among(packages: Collection[str]) -> Say:
    """The same, of these packages only."""
    return lambda changed: say_names(changed & {*packages, ANYTHING})


@dataclass(eq=False)
class _Stream:
    guild_id: int
    session: str
    changed: set[str] = field(default_factory=set)
    ended: bool = False


class LiveStreams:
    """The open streams of this process.

    Args:
        most: how many there can be; each takes a thread.
        per_session: of one session; its oldest one ends when there is another.
    """

    def __init__(
        self, bus: Bus, *, most: int = MOST_STREAMS, per_session: int = MOST_PER_SESSION
    ) -> None:
        self._most = most
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
                if stream.guild_id == guild_id:
                    stream.changed.add(package)
            self._condition.notify_all()

    def position(self) -> str:
        """For a page that is about to be made: its stream begins with what changes from now on."""
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

    def count(self, session: str | None = None) -> int:
        """How many are open, of all sessions or of this one."""
        with self._condition:
            return sum(session in (None, one.session) for one in self._streams)

    def version(self, guild_id: int, packages: Iterable[str]) -> tuple[int, ...]:
        """Another one whenever one of these packages has changed."""
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
        """A new stream, of what has changed since `position`; `ANYTHING` for whatever there is. The
        oldest one of the same session makes room for it. It ends soon after `may()` is False, which
        is asked on the thread of the stream, outside of the request."""
        stream = _Stream(guild_id, session)
        with self._condition:
            stream.changed = self._changed_since(guild_id, position)
            same = [one for one in self._streams if one.session == session]
            for old in same[: max(0, len(same) - self._per_session + 1)]:
                self._end(old)
            is_full = len(self._streams) >= self._most or self._stopping
            if not is_full:
                self._streams.append(stream)
        peer = request.environ.get("gunicorn.socket")
        body: Iterator[str] = iter((_FULL,)) if is_full else self._messages(stream, peer, say, may)
        response = Response(body, content_type="text/event-stream")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"
        if not is_full:
            # Also called when the client has gone before the first message.
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

    def _messages(
        self,
        stream: _Stream,
        peer: socket.socket | None,
        say: Say,
        may: Callable[[], bool],
    ) -> Iterator[str]:
        yield "event: open\ndata:\n\n"
        last = checked = time.monotonic()
        while True:
            with self._condition:
                if not (stream.changed or stream.ended or self._stopping):
                    self._condition.wait(LOOK_SECONDS)
                if stream.ended or self._stopping:
                    return
                changed, stream.changed = stream.changed, set()
            if _has_left(peer):
                return
            if time.monotonic() - checked > RECHECK_SECONDS:
                if not _still(may):
                    return
                checked = time.monotonic()
            if changed:
                messages = say(changed)
                if messages is None:
                    return
                if messages:
                    yield messages
                    last = time.monotonic()
                    time.sleep(PAUSE_SECONDS)
            elif time.monotonic() - last > PING_SECONDS:
                yield ": ping\n\n"
                last = time.monotonic()


def _still(may: Callable[[], bool]) -> bool:
    """While somebody else is down, who was allowed before stays."""
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
