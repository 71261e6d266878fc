"""The Centrifugo server of the feed, JSON protocol (facts, section 7.3). Waiting messages are sent
in one frame, one JSON object per line. Codes: errors in replies, 25xx to unsubscribe, 3xxx to
disconnect; after 3500-3999 and 4500-4999 the client must not reconnect."""

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.faults import Faults
from sandbox.kick.faults import providers
from sandbox.kick.ids import millis, now
from sandbox.kick.realtime.feed import Feed
from sandbox.kick.realtime.hub import FeedEvent, is_public
from sandbox.kick.realtime.sockets import FeedSocket
from sandbox.kick.realtime.tokens import GuestToken, GuestTokens, InvalidToken

PATH = "/kick/realtime/connection/websocket"
VERSION = "6.9.0 PRO"
MAX_FEEDS = 128
CONNECT_SECONDS = 10.0

PERMISSION_DENIED = (103, "permission denied")
ALREADY_SUBSCRIBED = (105, "already subscribed")
LIMIT_EXCEEDED = (106, "limit exceeded")
NOT_AVAILABLE = (108, "not available")
TOKEN_EXPIRED = (109, "token expired")

CONNECTION_EXPIRED = (3005, "connection expired")
NO_PONG = (3012, "no pong")
INVALID_TOKEN = (3500, "invalid token")
BAD_REQUEST = (3501, "bad request")
STALE = (3502, "stale")

NOT_FOR_GUESTS = ("publish", "presence", "presence_stats", "history", "rpc", "sub_refresh")

Object = dict[str, Any]


def routes(feed: Feed) -> list[web.RouteDef]:
    async def connect(request: web.Request) -> web.StreamResponse:
        if "centrifugo" not in providers(feed.faults):
            raise web.HTTPNotFound
        if request.headers.get("Origin", "https://kick.com") != "https://kick.com":
            raise web.HTTPForbidden
        socket = FeedSocket(request, feed.faults, joined=True)
        await socket.open()
        await Connection(socket, feed).live()
        return socket.response

    return [web.get(PATH, connect)]


class Disconnect(Exception):
    """The server ends the connection with a code and a reason."""

    def __init__(self, why: tuple[int, str]) -> None:
        super().__init__(why[1])
        self.why = why


class Refused(Exception):
    """A command failed; the connection stays open."""

    def __init__(self, why: tuple[int, str]) -> None:
        super().__init__(why[1])
        self.code, self.message = why


class Connection:
    transport = "centrifugo"

    def __init__(self, socket: FeedSocket, feed: Feed) -> None:
        self.id = str(uuid.uuid4())
        self.since = millis(now())
        self.feeds: set[str] = set()
        self._socket = socket
        self._hub = feed.hub
        self._guests: GuestTokens = feed.guests
        self._faults: Faults = feed.faults
        self._token: GuestToken | None = None
        self._pong = asyncio.Event()
        self._heartbeat: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None

    async def live(self) -> None:
        """Serve until one side closes."""
        try:
            await self._serve()
        except Disconnect as end:
            self.close(*end.why)
        finally:
            self._hub.leave(self)
            if self._heartbeat is not None:
                self._heartbeat.cancel()
            if self._expiry is not None:
                self._expiry.cancel()
            await self._socket.end()

    async def _serve(self) -> None:
        while (text := await self._receive()) is not None:
            for line in text.split("\n"):
                if line.strip():
                    self._take(line)

    async def _receive(self) -> str | None:
        """The first command has a time limit."""
        try:
            return await self._socket.receive(CONNECT_SECONDS if self._token is None else None)
        except TimeoutError:
            raise Disconnect(STALE) from None

    # called by the hub

    def send_event(self, event: FeedEvent) -> None:
        """``data`` is usually JSON text inside the JSON."""
        as_object = self._faults.flag("kick.feed.data_object")
        data = event.data if as_object else json.dumps(event.data, ensure_ascii=False)
        publication = {"data": {"event": event.name, "data": data}}
        self._send({"push": {"channel": event.feed, "pub": publication}})

    def unsubscribe(self, feed: str, code: int) -> None:
        """End a subscription; from code 2500 on the client should resubscribe."""
        if feed in self.feeds:
            self.feeds.discard(feed)
            ended = {"code": code, "reason": "insufficient state"}
            self._send({"push": {"channel": feed, "unsubscribe": ended}})
            self._hub.changed()

    def close(self, code: int, reason: str) -> None:
        self._socket.close(code, reason)

    def abort(self) -> None:
        self._socket.abort()

    # commands

    def _take(self, line: str) -> None:
        command = _object(line)
        if not command:
            self._pong.set()
            return
        number = command.pop("id", 0)
        if not isinstance(number, int) or number <= 0 or len(command) != 1:
            raise Disconnect(BAD_REQUEST)
        ((name, arguments),) = command.items()
        if not isinstance(arguments, dict):
            raise Disconnect(BAD_REQUEST)
        try:
            self._send({"id": number, name: self._method(name)(arguments)})
        except Refused as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            self._send({"id": number, "error": error})

    def _method(self, name: str) -> Callable[[Object], Object]:
        methods = {
            "connect": self._connect,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "refresh": self._refresh,
        }
        if (name == "connect") == (self._token is not None):
            raise Disconnect(BAD_REQUEST)
        if name in NOT_FOR_GUESTS:
            raise Refused(NOT_AVAILABLE)
        if name not in methods:
            raise Disconnect(BAD_REQUEST)
        return methods[name]

    def _connect(self, arguments: Object) -> Object:
        """Guests need a token too."""
        text = _text(arguments, "token")
        if not text:
            raise Disconnect(BAD_REQUEST)
        token = self._read(text)
        if token.seconds_left() <= 0:
            raise Refused(TOKEN_EXPIRED)
        self._adopt(token)
        self._hub.join(self)
        self._heartbeat = asyncio.get_running_loop().create_task(self._send_pings())
        ping = max(1, round(self._faults.seconds("kick.feed.ping_s")))
        return {**self._lease(token), "ping": ping, "pong": True}

    def _refresh(self, arguments: Object) -> Object:
        """A new token for the same client id."""
        token = self._read(_text(arguments, "token"))
        if self._token is None or token.client_id != self._token.client_id:
            raise Disconnect(INVALID_TOKEN)
        if token.seconds_left() <= 0:
            raise Disconnect(CONNECTION_EXPIRED)
        self._adopt(token)
        return self._lease(token)

    def _lease(self, token: GuestToken) -> Object:
        return {
            "client": self.id,
            "version": VERSION,
            "expires": True,
            "ttl": max(1, round(token.seconds_left())),
        }

    def _read(self, text: str) -> GuestToken:
        try:
            return self._guests.read(text)
        except InvalidToken:
            raise Disconnect(INVALID_TOKEN) from None

    def _adopt(self, token: GuestToken) -> None:
        """Use this token; the connection ends some time after its expiry."""
        self._token = token
        if self._expiry is not None:
            self._expiry.cancel()
        wait = token.seconds_left() + self._faults.seconds("kick.feed.expired_close_s")
        loop = asyncio.get_running_loop()
        self._expiry = loop.call_later(wait, self.close, *CONNECTION_EXPIRED)

    def _subscribe(self, arguments: Object) -> Object:
        feed = _text(arguments, "channel")
        if not is_public(feed):
            raise Refused(PERMISSION_DENIED)
        if feed in self.feeds:
            raise Refused(ALREADY_SUBSCRIBED)
        if len(self.feeds) >= MAX_FEEDS:
            raise Refused(LIMIT_EXCEEDED)
        self.feeds.add(feed)
        self._hub.changed()
        return {}

    def _unsubscribe(self, arguments: Object) -> Object:
        self.feeds.discard(_text(arguments, "channel"))
        self._hub.changed()
        return {}

    # the heartbeat

    async def _send_pings(self) -> None:
        while True:
            await asyncio.sleep(self._faults.seconds("kick.feed.ping_s"))
            self._pong.clear()
            self._send({})
            try:
                await asyncio.wait_for(self._pong.wait(), self._faults.seconds("kick.feed.pong_s"))
            except TimeoutError:
                self.close(*NO_PONG)
                return

    def _send(self, reply: Object) -> None:
        self._socket.send(json.dumps(reply, separators=(",", ":"), ensure_ascii=False))


def _object(line: str) -> Object:
    try:
        command = json.loads(line)
    except ValueError:
        raise Disconnect(BAD_REQUEST) from None
    if not isinstance(command, dict):
        raise Disconnect(BAD_REQUEST)
    return command


def _text(arguments: Object, name: str) -> str:
    """A text argument, empty if missing."""
    value = arguments.get(name, "")
    if not isinstance(value, str):
        raise Disconnect(BAD_REQUEST)
    return value
