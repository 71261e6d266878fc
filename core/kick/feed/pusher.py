"""The feed over Pusher, with `pysher`; the only module that knows the library and its bugs.

Version 1.0.8 has these bugs. Each is worked around through its public attributes:

- after a reconnect it subscribes to nothing: we set its flag for an intended disconnect, so that it
  never reconnects, and open another session;
- it notices a frozen server after five minutes, by timers in a thread that is left behind, and
  ignores the server's `activity_timeout`: `_MessageTimes` replaces its scheduler, and our own
  watchdog pings after that time without a message, or after two minutes if that is shorter;
- when the app key does not exist, its thread joins itself, which raises: we handle `pusher:error`;
- its callbacks run in its thread: ours only hand over to the event loop. A message that it cannot
  read is logged by the WebSocket library and skipped;
- `disconnect()` can wait 100 s for a dead socket: we shut the socket down under it.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any

import pysher

from core.kick.feed.session import FrameHandler, Session, Timing

WATCH_SECONDS = 0.5
JOIN_SECONDS = 2.0
FATAL_CODES = range(4000, 4100)
"""Pusher's codes for "do not retry unchanged", such as 4001: the app key does not exist."""


class PusherSession(Session):
    """One connection over Pusher.

    Args:
        key: the app's.
        host: `name` or `name:port`; on another port than 443 it is spoken to without TLS.
    """

    provider = "pusher"

    def __init__(
        self,
        key: str,
        host: str,
        feeds: Collection[str],
        on_frame: FrameHandler,
        timing: Timing,
    ) -> None:
        super().__init__(feeds, on_frame, timing)
        self._quiet = timing.quiet
        self._watchdog: asyncio.Task[None] | None = None
        self._connection = connection = _client(key, host).connection
        self._messages = connection.timeout_scheduler = _MessageTimes()
        connection.timeout_scheduler_thread = connection  # is alive, so no other is started
        connection.disconnect_called = True  # never reconnects
        connection.event_handler = self._on_event
        connection.event_callbacks["pusher:error"] = [(self._on_error, (), {})]
        connection.bind("pusher:connection_established", self._on_established)

    async def _open(self) -> None:
        self._connection.start()
        self._watchdog = asyncio.create_task(self._watch())

    async def _close(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        await asyncio.shield(asyncio.to_thread(self._disconnect))

    async def _watch(self) -> None:
        """End the session when the connection is lost, or when the server does not answer a ping
        that we send after a time without messages."""
        pinged_at: float | None = None
        while self._connection.is_alive():
            await asyncio.sleep(min(WATCH_SECONDS, self._timing.pong / 2))
            now = time.monotonic()
            if now - self._messages.last < self._quiet or not self._up.done():
                pinged_at = None
            elif pinged_at is None:
                pinged_at = now
                self._send("pusher:ping", "")
            elif now - pinged_at > self._timing.pong:
                self._end("the server does not answer")
        self._end("the connection was lost")

    def _start(self) -> None:
        self._establish()
        for feed in sorted(self._feeds):
            self._send("pusher:subscribe", {"auth": "", "channel": feed})

    async def _subscribe(self, feed: str) -> None:
        if self._up.done():
            self._send("pusher:subscribe", {"auth": "", "channel": feed})

    async def _unsubscribe(self, feed: str) -> None:
        if self._up.done():
            self._send("pusher:unsubscribe", {"channel": feed})

    def _send(self, event: str, data: object) -> None:
        # send_event() logs and swallows what goes wrong; the watchdog notices.
        self._connection.send_event(event, data)

    def _disconnect(self) -> None:
        self._connection.needs_reconnect = False
        socket = self._connection.socket
        if socket is not None:
            socket.keep_running = False
            with suppress(AttributeError, OSError):
                socket.sock.sock.shutdown(SHUT_RDWR)
        if self._connection.ident is not None:
            self._connection.join(JOIN_SECONDS)

    # -- in the library's thread ----------------------------------------------------------------

    def _on_established(self, data: object) -> None:
        timeout = _decoded(data).get("activity_timeout")
        if isinstance(timeout, int | float) and timeout > 0:
            self._quiet = min(self._timing.quiet, timeout)
        self._on_loop(self._start)

    def _on_event(self, event: str, data: object, feed: str) -> None:
        if event == "pusher:subscription_error":
            self.refused[feed] = str(data)[:200]
        elif not event.startswith(("pusher:", "pusher_internal:")):
            self._on_loop(self._on_frame, feed, event, data)

    def _on_error(self, data: object) -> None:
        error = _decoded(data)
        code = error.get("code")
        if isinstance(code, int):  # without a code one command failed, and the rest goes on
            reason = f"{error.get('message', '')} ({code})"
            self._on_loop(self._end, reason, code in FATAL_CODES)
            self._connection.socket.close()

    def _on_loop(self, work: Callable[..., None], *args: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: the listener has stopped
            self._loop.call_soon_threadsafe(work, *args)


def _decoded(data: object) -> dict[str, Any]:
    """The data of one of Pusher's own events: a JSON text or the object itself."""
    with suppress(ValueError):
        data = json.loads(data) if isinstance(data, str) else data
    return data if isinstance(data, dict) else {}


def _client(key: str, host: str) -> Any:
    """A client that does not log every message."""
    name, _, port = host.partition(":")
    return pysher.Pusher(
        key,
        custom_host=name,
        port=int(port or 443),
        secure=port in ("", "443"),
        log_level=logging.CRITICAL,
        daemon=True,
    )


class _MessageTimes:
    """Replaces Pysher's scheduler. With each message Pysher cancels what is in its queue and enters
    new timers; this notes the time instead and has none.

    Attributes:
        last: time of the last message, by the monotonic clock.
    """

    def __init__(self) -> None:
        self.last = time.monotonic()

    @property
    def queue(self) -> tuple[()]:
        self.last = time.monotonic()
        return ()

    def enter(self, *_timer: object) -> None: ...
