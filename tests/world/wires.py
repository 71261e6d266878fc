"""The wires between the product and the sandbox's vendors, without sockets."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import requests
from aiohttp import web
from aiohttp.http import HttpVersion11, RawRequestMessage
from aiohttp.streams import StreamReader
from multidict import CIMultiDict, CIMultiDictProxy
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from werkzeug.http import http_date
from yarl import URL

from tests.world.time_and_chance import WorldClock


class Cut(Exception):
    """The connection broke after the request was carried out."""


class _Transport:
    """Just enough of a connection for a handler; a fault may abort it."""

    def __init__(self) -> None:
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def is_closing(self) -> bool:
        return False


class _Protocol:
    def __init__(self) -> None:
        self.transport = _Transport()
        self.ssl_context = None
        self.max_line_size = self.max_field_size = 2**16
        self.max_headers = 100
        self.sockname = ("127.0.0.1", 80)
        self.peername = ("127.0.0.1", 1)
        self._reading_paused = False

    def resume_reading(self, *_: Any, **_named: Any) -> None: ...

    def pause_reading(self, *_: Any, **_named: Any) -> None: ...


class Sandbox:
    """The sandbox's application, asked without a socket."""

    def __init__(self, app: web.Application, clock: WorldClock) -> None:
        self.app = app
        self._clock = clock
        self.check: Callable[[str, str], None] = lambda _method, _url: None
        """Called before and after each request of the product; raises where it is lost."""

    async def handle(
        self, method: str, url: str, headers: dict[str, str], body: bytes
    ) -> web.Response:
        """Raises Cut if the answer is lost."""
        parts, protocol = urlsplit(url), _Protocol()
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        given = CIMultiDict({"Host": parts.netloc, **headers})
        if body and "Content-Length" not in given:
            given["Content-Length"] = str(len(body))
        raw = tuple((k.encode(), v.encode()) for k, v in given.items())
        message = RawRequestMessage(
            method, path, HttpVersion11, CIMultiDictProxy(given), raw,
            False, None, False, False, URL(path, encoded=True),
        )  # fmt: skip
        loop = asyncio.get_event_loop_policy().get_event_loop()
        reader = StreamReader(protocol, 2**16, loop=loop)  # type: ignore[arg-type]
        reader.feed_data(body)
        reader.feed_eof()
        request = web.Request(
            message, reader, protocol, None, None, loop,  # type: ignore[arg-type]
            client_max_size=2**25,
        )  # fmt: skip
        try:
            answer = await self.app._handle(request)
        except web.HTTPException as refused:
            answer = refused
        if protocol.transport.is_aborted:
            raise Cut
        assert isinstance(answer, web.Response)
        answer.headers["Date"] = http_date(self._clock())
        return answer

    def ask(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> web.Response:
        """The same for code that is not asynchronous."""
        return finish(self.handle(method, url, headers or {}, body))


def finish(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        while True:
            waited = work.send(None)
            assert waited is None, f"it waits for {waited}"
    except StopIteration as done:
        return done.value


def bytes_of(answer: web.Response) -> bytes:
    body = answer.body
    return body if isinstance(body, bytes) else b""


# -- requests, as Kick's, Twitch's and the others' clients use it ----------------------


class RequestsWire(BaseAdapter):
    """In place of `core.kit.runtime.wire._Adapter`."""

    sandbox: Sandbox

    def send(self, request: Any, **_options: Any) -> requests.Response:  # type: ignore[override]
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        self.sandbox.check(request.method, request.url)
        try:
            headers = {name: str(value) for name, value in request.headers.items()}
            answer = self.sandbox.ask(request.method, request.url, headers, body)
            self.sandbox.check("answer", request.url)
        except Cut as cut:
            raise requests.ReadTimeout("cut", request=request) from cut
        found = requests.Response()
        found.status_code, found.reason = answer.status, answer.reason
        found.headers.update(dict(answer.headers))
        found.url, found.request = request.url, request
        raw = bytes_of(answer)
        found.raw = HTTPResponse(BytesIO(raw), status=answer.status, preload_content=False)
        found.encoding = "utf-8"
        return found

    def close(self) -> None:
        """Nothing is open."""


# -- aiohttp, as discord.py uses it ---------------------------------------------------


class _Answer:
    def __init__(self, answer: web.Response, url: str) -> None:
        self.status, self.reason, self.url = answer.status, answer.reason, url
        self.headers = CIMultiDict(answer.headers)
        self._raw = bytes_of(answer)
        if self._raw:
            self.headers.setdefault("Content-Type", "application/json")
        self.method = ""

    async def text(self, encoding: str = "utf-8", **_: Any) -> str:
        return self._raw.decode(encoding)

    async def json(self, **_: Any) -> Any:
        return json.loads(self._raw)

    async def read(self) -> bytes:
        return self._raw

    def release(self) -> None: ...


class _Collected:
    def __init__(self) -> None:
        self.raw = b""

    async def write(self, chunk: bytes) -> None:
        self.raw += bytes(chunk)

    def enable_compression(self, *_: Any) -> None: ...

    async def write_eof(self, chunk: bytes = b"") -> None:
        self.raw += bytes(chunk)


class _Asked:
    def __init__(self, session: "DiscordWire", method: str, url: str, named: Any) -> None:
        self._given = session, method, url, named

    async def __aenter__(self) -> _Answer:
        session, method, url, named = self._given
        headers = dict(named.get("headers") or {})
        if params := named.get("params"):
            url = str(URL(url).update_query(params))
        data = named.get("data")
        if named.get("json") is not None:
            data, headers["Content-Type"] = json.dumps(named["json"]), "application/json"
        if isinstance(data, aiohttp.FormData):
            payload, collected = data(), _Collected()
            await payload.write(collected)  # type: ignore[arg-type]
            headers["Content-Type"] = payload.headers["Content-Type"]
            data = collected.raw
        body = data.encode() if isinstance(data, str) else (data or b"")
        session.sandbox.check(method, url)
        try:
            answer = await session.sandbox.handle(method, url, headers, body)
            session.sandbox.check("answer", url)
        except Cut:
            raise aiohttp.ServerDisconnectedError from None
        return _Answer(answer, url)

    async def __aexit__(self, *_: object) -> None: ...


class DiscordWire:
    """In place of discord.py's `aiohttp.ClientSession`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.closed = False
        self._timeout: Any = None

    def request(self, method: str, url: Any, **named: Any) -> _Asked:
        return _Asked(self, method, str(url), named)

    async def close(self) -> None:
        self.closed = True
