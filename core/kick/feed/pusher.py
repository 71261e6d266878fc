"""The feed over Pusher, with `pysher`; the one module that knows the library and its faults.

What is done about them (version 1.0.8):

- it reconnects by itself but forgets its feeds: it is told that it was disconnected on purpose, so
  it never does, and we open another session;
- a frozen server is noticed after five minutes, by timers in a thread that stays behind, and the
  server's `activity_timeout` is ignored: the timers are switched off, and a watchdog of our own
  pings after that time without a message, or after two minutes if it is longer;
- an app key that is gone makes its thread join itself, which is an error: we answer `pusher:error`;
- its callbacks run in its thread, and one that raises makes it think the socket failed: ours only
  hand over to the event loop, and everything that runs there is caught;
- `disconnect()` can wait 100 s for a dead socket: the socket is shut down under it.
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
import structlog

from core.kick.feed.rules import Provider
from core.kick.feed.session import Ended, FrameHandler, Patience

WATCH_SECONDS = 0.5
JOIN_SECONDS = 2.0
RETIRED = range(4000, 4100)
"""Pusher's codes for "not again in this way", such as 4001: the app key does not exist."""

_log = structlog.get_logger(__name__)


class PusherSession:
    """One connection; see `session.Session`.

    Args:
        key: the app's.
        host: `name` or `name:port`; on another port than 443 it is spoken to without TLS.
        feeds: what to listen to.
        on_frame: called for each event, on the event loop that this was made on.
    """

    provider: Provider = "pusher"

    def __init__(
        self,
        key: str,
        host: str,
        feeds: Collection[str],
        on_frame: FrameHandler,
        patience: Patience,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_frame = on_frame
        self._feeds = set(feeds)
        self._patience = patience
        self._up = asyncio.Event()
        self._why: Ended | None = None
        self._refused: dict[str, str] = {}
        self._quiet = patience.quiet
        self._received_at = time.monotonic()
        self._asked_at: float | None = None
        self._pusher = _quiet_client(key, host)
        connection = self._pusher.connection
        self._pass_on = connection._on_message
        connection._on_message = self._on_message
        connection.event_handler = self._on_event
        connection.event_callbacks["pusher:error"] = [(self._on_error, (), {})]
        connection.bind("pusher:connection_established", self._on_established)

    async def live(self, connected: Callable[[], None]) -> Ended:
        try:
            self._pusher.connect()
            self._pusher.connection.disconnect_called = True  # never by itself again
            if not await self._is_up():
                return self._why or Ended("no connection in time")
            connected()
            return await self._watch()
        finally:
            await asyncio.shield(asyncio.to_thread(self._hang_up))

    async def _is_up(self) -> bool:
        """Whether it works, before it ends or patience does."""
        until = time.monotonic() + self._patience.connect
        while time.monotonic() < until and self._is_alive():
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_SECONDS):
                    await self._up.wait()
            if self._up.is_set():
                return True
        return False

    async def _watch(self) -> Ended:
        while self._is_alive():
            await asyncio.sleep(min(WATCH_SECONDS, self._patience.pong / 2))
            if self._is_frozen():
                return Ended("nothing heard, not even an answer")
        return self._why or Ended("the connection was lost")

    def _is_alive(self) -> bool:
        return self._why is None and bool(self._pusher.connection.is_alive())

    def _is_frozen(self) -> bool:
        """After a time without messages we ping; without an answer the connection is dead."""
        now = time.monotonic()
        if now - self._received_at < self._quiet:
            self._asked_at = None
        elif self._asked_at is None:
            self._asked_at = now
            self._send("pusher:ping", "")
        return self._asked_at is not None and now - self._asked_at > self._patience.pong

    async def follow(self, feeds: Collection[str]) -> None:
        wanted = set(feeds)
        added, dropped = wanted - self._feeds, self._feeds - wanted
        self._feeds = wanted
        if self._up.is_set():
            for feed in sorted(added):
                self._send("pusher:subscribe", {"auth": "", "channel": feed})
            for feed in sorted(dropped):
                self._send("pusher:unsubscribe", {"channel": feed})

    def refused(self) -> dict[str, str]:
        return dict(self._refused)

    def _send(self, event: str, data: object) -> None:
        # send_event() logs and swallows what goes wrong; the watchdog notices.
        self._pusher.connection.send_event(event, data)

    def _hang_up(self) -> None:
        connection = self._pusher.connection
        connection.needs_reconnect = False
        socket = connection.socket
        if socket is not None:
            socket.keep_running = False
            with suppress(AttributeError, OSError):
                socket.sock.sock.shutdown(SHUT_RDWR)
        if connection.ident is not None:
            connection.join(JOIN_SECONDS)

    # -- in the library's thread ----------------------------------------------------------------

    def _on_message(self, *args: Any) -> None:
        self._received_at = time.monotonic()
        try:
            self._pass_on(*args)
        except Exception:  # the edge to a thread of somebody else's
            _log.exception("A Pusher message was not understood")

    def _on_established(self, data: object) -> None:
        timeout = _decoded(data).get("activity_timeout")
        if isinstance(timeout, int | float) and timeout > 0:
            self._quiet = min(self._patience.quiet, timeout)
        for feed in sorted(self._feeds):
            self._send("pusher:subscribe", {"auth": "", "channel": feed})
        self._on_loop(self._up.set)

    def _on_event(self, event: str, data: object, feed: str) -> None:
        if event == "pusher:subscription_error":
            self._refused[feed] = str(data)[:200]
        elif not event.startswith(("pusher:", "pusher_internal:")):
            self._on_loop(self._on_frame, feed, event, data)

    def _on_error(self, data: object) -> None:
        error = _decoded(data)
        code = error.get("code")
        if isinstance(code, int):  # without a code one command failed, and the rest goes on
            self._why = Ended(f"{error.get('message', '')} ({code})", code in RETIRED)
            self._pusher.connection.socket.close()

    def _on_loop(self, work: Callable[..., None], *args: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(work, *args)


def _decoded(data: object) -> dict[str, Any]:
    """The data of one of Pusher's own events: a JSON text or the object itself."""
    with suppress(ValueError):
        data = json.loads(data) if isinstance(data, str) else data
    return data if isinstance(data, dict) else {}


def _quiet_client(key: str, host: str) -> Any:
    """A client that neither logs every message nor starts timers."""
    name, _, port = host.partition(":")
    client = pysher.Pusher(
        key,
        custom_host=name,
        port=int(port or 443),
        secure=port in ("", "443"),
        log_level=logging.CRITICAL,
        daemon=True,
    )
    client.connection._start_timers = lambda: None
    client.connection._stop_timers = lambda: None
    return client
