"""One WebSocket to EventSub, for the subscriptions that need one account's token.

https://dev.twitch.tv/docs/eventsub/handling-websocket-events. Twitch replays nothing after a gap,
so after each reconnect everything that may have changed is read again.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from core.kit.errors import Outage, backoff
from core.kit.text import strict_json
from core.twitch.bodies import read_instant

CLOSE_CODES = {
    4000: "Twitch had an error",
    4001: "we sent a message",
    4002: "we did not answer a ping",
    4003: "no subscription was made in time",
    4004: "we did not reconnect in time",
    4005: "a network timeout",
    4006: "a network error",
    4007: "the reconnect URL was invalid",
}

MAX_BYTES = 1_000_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SocketTiming:
    """In seconds.

    Attributes:
        keepalive: requested interval of Twitch's keepalive messages, at least 10.
        slack: extra time before the connection counts as dead.
        connect: timeout for a new connection's welcome message.
        steady: a connection that lasted this long counts as stable.
        pause_factor: multiplies the pause before a retry; tests make it small.
    """

    keepalive: int = 30
    slack: float = 10.0
    connect: float = 15.0
    steady: float = 60.0
    pause_factor: float = 1.0


class Handler(Protocol):
    """Handles what a socket receives; called on its event loop."""

    def notified(self, message_id: str, sent_at: datetime, payload: dict[str, Any]) -> None:
        """An event."""

    def revoked(self, subscription: dict[str, Any]) -> None:
        """Twitch has ended a subscription."""

    async def connected(self, session_id: str) -> None:
        """A new session without subscriptions: create them, and read what was missed.
        Raises Outage if none could be created."""


class _ConnectionEnded(Exception):
    """The connection can no longer be used."""


class Socket:
    """Stays connected until cancelled.

    Attributes:
        session_id: id of the open session, or "".
        trouble: why there is none.
    """

    def __init__(self, url: str, handler: Handler, timing: SocketTiming) -> None:
        self._url = url
        self._handler = handler
        self._timing = timing
        self.session_id = ""
        self.trouble = "connecting"

    async def run(self) -> None:
        """Connect, and reconnect whenever the connection ends, until cancelled."""
        failures = 0
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._session()
            except (
                _ConnectionEnded,
                ConnectionClosed,
                InvalidHandshake,
                OSError,
                TimeoutError,
            ) as error:
                self._ended(_words(error))
            except InvalidURI:
                self._ended("TWITCH_EVENTSUB_WS_URL is not a WebSocket URL")
            except Outage as outage:
                self._ended(str(outage))
            except Exception:  # one account's bug must not end the others
                _log.exception("Unhandled error in a Twitch WebSocket")
                self._ended("an unexpected error; see the log")
            lasted = asyncio.get_running_loop().time() - started
            failures = 1 if lasted > self._timing.steady else failures + 1
            await asyncio.sleep(backoff(failures).total_seconds() * self._timing.pause_factor)

    def _ended(self, reason: str) -> None:
        self.session_id, self.trouble = "", reason
        _log.info("Twitch WebSocket closed, reconnecting", reason=reason)

    async def _session(self) -> None:
        """One session, from the welcome to the end, across Twitch's reconnect requests."""
        separator = "&" if "?" in self._url else "?"
        url = f"{self._url}{separator}keepalive_timeout_seconds={self._timing.keepalive}"
        connection, welcome = await self._open(url)
        try:
            session = welcome["session"]
            await self._handler.connected(str(session["id"]))
            self.session_id, self.trouble = str(session["id"]), ""
            while True:
                timeout = _receive_timeout(session, self._timing)
                moved_to = await self._read(connection, timeout)
                new, welcome = await self._move(connection, moved_to, timeout)
                connection, old = new, connection
                await old.close()
                session = {**session, **_known(welcome["session"])}
                self.session_id = str(session["id"])
        finally:
            await connection.close()

    async def _open(self, url: str) -> tuple[ClientConnection, dict[str, Any]]:
        """A connection that has received its welcome message, and that message's payload."""
        async with asyncio.timeout(self._timing.connect):
            connection = await connect(
                url, max_size=MAX_BYTES, open_timeout=None, ping_interval=None, close_timeout=1
            )
            try:
                metadata, payload = _read(await connection.recv())
                if metadata.get("message_type") != "session_welcome":
                    raise _ConnectionEnded("Twitch sent no welcome")
                return connection, payload
            except BaseException:
                await connection.close()
                raise

    async def _read(self, connection: ClientConnection, timeout: float) -> str:
        """Handle messages until Twitch sends a reconnect URL; returns it."""
        while True:
            try:
                async with asyncio.timeout(timeout):
                    message = await connection.recv()
            except TimeoutError:
                raise _ConnectionEnded("no message arrived in time") from None
            if moved_to := self._take(message):
                return moved_to

    def _take(self, message: str | bytes) -> str:
        metadata, payload = _read(message)
        match metadata.get("message_type"):
            case "notification" if "event" in payload:
                sent_at = read_instant(str(metadata["message_timestamp"]))
                self._handler.notified(str(metadata["message_id"]), sent_at, payload)
            case "notification" | "revocation":
                self._handler.revoked(payload.get("subscription") or {})
            case "session_reconnect":
                return str(payload["session"]["reconnect_url"])
        return ""

    async def _move(
        self, old: ClientConnection, url: str, timeout: float
    ) -> tuple[ClientConnection, dict[str, Any]]:
        """The new connection, which has all subscriptions. The old one is read until the new one
        has received its welcome message."""
        opening = asyncio.create_task(self._open(url))
        reading = asyncio.create_task(self._read(old, timeout))
        try:
            await asyncio.wait((opening, reading), return_when=asyncio.FIRST_COMPLETED)
            return await opening
        finally:
            reading.cancel()
            await _wait_for_end(reading)
            if not opening.done():
                opening.cancel()


async def _wait_for_end(task: "asyncio.Task[str]") -> None:
    """Wait for the task, whatever its result."""
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()


def _read(message: str | bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metadata and payload. Raises _ConnectionEnded if the message is malformed."""
    try:
        read = strict_json.decode(message)
        metadata, payload = read["metadata"], read["payload"]
    except (ValueError, LookupError, TypeError):
        raise _ConnectionEnded("a message could not be read") from None
    if not isinstance(metadata, dict) or not isinstance(payload, dict):
        raise _ConnectionEnded("a message could not be read")
    return metadata, payload


def _receive_timeout(session: dict[str, Any], timing: SocketTiming) -> float:
    """How long to wait for the next message."""
    keepalive = session.get("keepalive_timeout_seconds") or timing.keepalive
    return float(keepalive) + timing.slack


def _known(session: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in session.items() if value is not None}


def _words(error: Exception) -> str:
    if isinstance(error, ConnectionClosed):
        code = error.rcvd.code if error.rcvd is not None else 1006
        return f"{CLOSE_CODES.get(code, 'the connection was lost')} ({code})"
    return str(error) or type(error).__name__
