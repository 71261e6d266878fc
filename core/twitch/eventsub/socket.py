"""One WebSocket to EventSub, for the subscriptions that need one account's token.

https://dev.twitch.tv/docs/eventsub/handling-websocket-events. Twitch replays nothing after a gap,
so whoever connects again asks for everything that may have changed.
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
    4001: "we sent something",
    4002: "we did not answer a ping",
    4003: "nothing was subscribed in time",
    4004: "we did not move to the new connection in time",
    4005: "a network timeout",
    4006: "a network error",
    4007: "the address to reconnect to was wrong",
}

MAX_BYTES = 1_000_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SocketTiming:
    """In seconds.

    Attributes:
        keepalive: in which Twitch is asked to say something, at least 10.
        slack: beyond that, before the connection counts as dead.
        connect: until a new connection has to have said welcome.
        steady: a connection that lived this long has worked.
        pause_factor: multiplies every pause before a retry; tests make it small.
    """

    keepalive: int = 30
    slack: float = 10.0
    connect: float = 15.0
    steady: float = 60.0
    pause_factor: float = 1.0


class Handler(Protocol):
    """What a socket does with what it hears; called on its event loop."""

    def notified(self, message_id: str, sent_at: datetime, payload: dict[str, Any]) -> None:
        """An event."""

    def revoked(self, subscription: dict[str, Any]) -> None:
        """Twitch has ended a subscription."""

    async def connected(self, session_id: str) -> None:
        """A new session, which has no subscriptions yet: make them, and ask for what was missed.
        Raises Outage if none could be made."""


class _Over(Exception):
    """The connection is of no use any more."""


class Socket:
    """Kept up until cancelled.

    Attributes:
        session_id: of the open session, or "".
        trouble: why there is none.
    """

    def __init__(self, url: str, handler: Handler, timing: SocketTiming) -> None:
        self._url = url
        self._handler = handler
        self._timing = timing
        self.session_id = ""
        self.trouble = "connecting"

    async def run(self) -> None:
        """Connect, and connect again whenever it ends; it never gives up."""
        failures = 0
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._session()
            except (_Over, ConnectionClosed, InvalidHandshake, OSError, TimeoutError) as error:
                self._ended(_words(error))
            except InvalidURI:
                self._ended("TWITCH_EVENTSUB_WS_URL is no address of a WebSocket")
            except Outage as outage:
                self._ended(str(outage))
            except Exception:  # the socket's edge: one channel's bug must not end the others
                _log.exception("A WebSocket to Twitch failed")
                self._ended("an unexpected error; see the log")
            lasted = asyncio.get_running_loop().time() - started
            failures = 1 if lasted > self._timing.steady else failures + 1
            await asyncio.sleep(backoff(failures).total_seconds() * self._timing.pause_factor)

    def _ended(self, reason: str) -> None:
        self.session_id, self.trouble = "", reason
        _log.info("A WebSocket to Twitch ended and is opened again", reason=reason)

    async def _session(self) -> None:
        """From the welcome to the end, over however many connections Twitch moves it."""
        separator = "&" if "?" in self._url else "?"
        url = f"{self._url}{separator}keepalive_timeout_seconds={self._timing.keepalive}"
        connection, welcome = await self._open(url)
        try:
            session = welcome["session"]
            await self._handler.connected(str(session["id"]))
            self.session_id, self.trouble = str(session["id"]), ""
            while True:
                patience = _patience(session, self._timing)
                moved_to = await self._read(connection, patience)
                new, welcome = await self._move(connection, moved_to, patience)
                connection, old = new, connection
                await old.close()
                session = {**session, **_known(welcome["session"])}
                self.session_id = str(session["id"])
        finally:
            await connection.close()

    async def _open(self, url: str) -> tuple[ClientConnection, dict[str, Any]]:
        """A connection that has said welcome, and what it said."""
        async with asyncio.timeout(self._timing.connect):
            connection = await connect(
                url, max_size=MAX_BYTES, open_timeout=None, ping_interval=None, close_timeout=1
            )
            try:
                metadata, payload = _read(await connection.recv())
                if metadata.get("message_type") != "session_welcome":
                    raise _Over("Twitch said no welcome")
                return connection, payload
            except BaseException:
                await connection.close()
                raise

    async def _read(self, connection: ClientConnection, patience: float) -> str:
        """Take what comes until Twitch names another address to move to; returns that."""
        while True:
            try:
                async with asyncio.timeout(patience):
                    message = await connection.recv()
            except TimeoutError:
                raise _Over("nothing was heard in time") from None
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
        self, old: ClientConnection, url: str, patience: float
    ) -> tuple[ClientConnection, dict[str, Any]]:
        """The new connection, which has all subscriptions. The old one is heard until the new one
        has said welcome."""
        opening = asyncio.create_task(self._open(url))
        reading = asyncio.create_task(self._read(old, patience))
        try:
            await asyncio.wait((opening, reading), return_when=asyncio.FIRST_COMPLETED)
            return await opening
        finally:
            reading.cancel()
            await _settle(reading)
            if not opening.done():
                opening.cancel()


async def _settle(task: "asyncio.Task[str]") -> None:
    """Whatever became of it."""
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()


def _read(message: str | bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metadata and payload. Raises _Over if it is nothing of the kind."""
    try:
        read = strict_json.decode(message)
        metadata, payload = read["metadata"], read["payload"]
    except (ValueError, LookupError, TypeError):
        raise _Over("a message could not be read") from None
    if not isinstance(metadata, dict) or not isinstance(payload, dict):
        raise _Over("a message could not be read")
    return metadata, payload


def _patience(session: dict[str, Any], timing: SocketTiming) -> float:
    """How long a silence may be."""
    keepalive = session.get("keepalive_timeout_seconds") or timing.keepalive
    return float(keepalive) + timing.slack


def _known(session: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in session.items() if value is not None}


def _words(error: Exception) -> str:
    if isinstance(error, ConnectionClosed):
        code = error.rcvd.code if error.rcvd is not None else 1006
        return f"{CLOSE_CODES.get(code, 'the connection was lost')} ({code})"
    return str(error) or type(error).__name__
