"""A WebSocket that can freeze and break like a failing server."""

import asyncio
import contextlib

from aiohttp import WSCloseCode, WSMsgType, web

from sandbox.faults import Faults

CLOSE_SECONDS = 1.0
THAW_SECONDS = 0.05
MAX_MESSAGE_BYTES = 65_536


class FeedSocket:
    """Sends and receives texts in order. While ``kick.feed.silent`` is on it sends nothing, not
    even pongs or close frames, and ignores what arrives. ``joined`` sends all waiting texts in one
    frame, separated by newlines."""

    def __init__(self, request: web.Request, faults: Faults, *, joined: bool) -> None:
        self._request = request
        self._faults = faults
        self._joined = joined
        self._socket = web.WebSocketResponse(
            autoclose=False, autoping=False, max_msg_size=MAX_MESSAGE_BYTES, timeout=CLOSE_SECONDS
        )
        self._texts: list[str] = []
        self._goodbye: tuple[int, str] | None = None
        self._waiting = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    @property
    def response(self) -> web.WebSocketResponse:
        """The handler's response."""
        return self._socket

    @property
    def is_frozen(self) -> bool:
        return self._faults.flag("kick.feed.silent")

    async def open(self) -> None:
        """Answer the handshake."""
        await self._socket.prepare(self._request)
        self._writer = asyncio.create_task(self._write())

    def send(self, text: str) -> None:
        """Queue a text; safe after the end."""
        self._texts.append(text)
        self._waiting.set()

    def close(self, code: int, reason: str) -> None:
        """Close after the queued texts; the first code counts."""
        self._goodbye = self._goodbye or (code, reason)
        self._waiting.set()

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def receive(self, timeout: float | None = None) -> str | None:
        """The next text; None at the end of the connection; TimeoutError after ``timeout``
        seconds."""
        while True:
            message = await self._socket.receive(timeout)
            if message.type is WSMsgType.CLOSE:
                await self._thawed()
                return None
            if message.type not in (WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG):
                return None
            if self.is_frozen or message.type is WSMsgType.PONG:
                continue
            if message.type is WSMsgType.TEXT:
                return str(message.data)
            await self._socket.pong(message.data)

    async def end(self) -> None:
        if self._writer is not None and self._goodbye is None:
            self._writer.cancel()
        if self._writer is not None:
            await asyncio.wait({self._writer})
        await self._socket.close(code=WSCloseCode.OK)

    async def _thawed(self) -> None:
        """Wait until the server is not frozen or the client has disconnected."""
        while self.is_frozen and self._request.transport is not None:
            await asyncio.sleep(THAW_SECONDS)

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):
            while self._goodbye is None or self._texts:
                await self._waiting.wait()
                self._waiting.clear()
                await self._thawed()
                await self._flush()
            if self._goodbye is not None:
                code, reason = self._goodbye
                await self._socket.close(code=code, message=reason.encode())

    async def _flush(self) -> None:
        texts, self._texts = self._texts, []
        for frame in ["\n".join(texts)] if self._joined and texts else texts:
            await self._socket.send_str(frame)
