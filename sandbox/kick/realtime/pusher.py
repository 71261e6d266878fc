"""The Pusher server of the feed, protocol 5 to 7 (facts, section 7.4). ``data`` is JSON text inside
the JSON, except in ``pusher:error``. Codes: 4000-4099 do not reconnect, 4100-4199 reconnect later,
4200-4299 reconnect at once."""

import json
import secrets
from typing import Any

from aiohttp import web

from sandbox.kick.faults import providers
from sandbox.kick.ids import millis, now
from sandbox.kick.realtime.feed import PUSHER_KEY, Feed
from sandbox.kick.realtime.hub import FeedEvent, is_public
from sandbox.kick.realtime.sockets import FeedSocket

PATHS = ("/kick/pusher/app/{key}", "/app/{key}")
"""Client libraries build ``ws://host:port/app/<key>`` themselves, hence the second."""

PROTOCOLS = ("5", "6", "7")
PONG_SECONDS = 30.0

UNKNOWN_APP = 4001
UNSUPPORTED_PROTOCOL = 4007
NO_PROTOCOL = 4008
PONG_MISSING = 4201

Message = dict[str, Any]


def routes(feed: Feed) -> list[web.RouteDef]:
    async def connect(request: web.Request) -> web.StreamResponse:
        socket = FeedSocket(request, feed.faults, joined=False)
        await socket.open()
        connection = Connection(socket, feed)
        refusal = _refusal(request, feed)
        if refusal is not None:
            connection.close(*refusal)
        await connection.live()
        return socket.response

    return [web.get(path, connect) for path in PATHS]


def _refusal(request: web.Request, feed: Feed) -> tuple[int, str] | None:
    """Why the client may not connect; the WebSocket is opened first anyway."""
    key = request.match_info["key"]
    retired = "pusher" not in providers(feed.faults) or feed.faults.flag("kick.feed.wrong_key")
    if key != PUSHER_KEY or retired:
        reason = f"App key {key} not in this cluster. Did you forget to specify the cluster?"
        return UNKNOWN_APP, reason
    protocol = request.query.get("protocol")
    if protocol is None:
        return NO_PROTOCOL, "No protocol version supplied"
    if protocol not in PROTOCOLS:
        return UNSUPPORTED_PROTOCOL, "Unsupported protocol version"
    return None


class Connection:
    transport = "pusher"

    def __init__(self, socket: FeedSocket, feed: Feed) -> None:
        self.id = f"{secrets.randbelow(10**6)}.{secrets.randbelow(10**9)}"
        self.since = millis(now())
        self.feeds: set[str] = set()
        self._socket = socket
        self._hub = feed.hub
        self._closing = False
        self._activity_timeout = feed.faults.number("kick.feed.activity_timeout_s")

    async def live(self) -> None:
        """Serve until one side closes."""
        try:
            if not self._closing:
                self._accept()
                await self._serve()
        finally:
            self._hub.leave(self)
            await self._socket.end()

    def _accept(self) -> None:
        greeting = {"socket_id": self.id, "activity_timeout": self._activity_timeout}
        self._send("pusher:connection_established", json.dumps(greeting))
        self._hub.join(self)

    async def _serve(self) -> None:
        while (text := await self._receive()) is not None:
            self._take(text)

    async def _receive(self) -> str | None:
        """The next message; a silent client is pinged."""
        try:
            return await self._socket.receive(self._activity_timeout)
        except TimeoutError:
            self._send("pusher:ping", "{}")
        try:
            return await self._socket.receive(PONG_SECONDS)
        except TimeoutError:
            self.close(PONG_MISSING, "Pong reply not received")
            return None

    # called by the hub

    def send_event(self, event: FeedEvent) -> None:
        self._send(event.name, json.dumps(event.data, ensure_ascii=False), event.feed)

    def unsubscribe(self, feed: str, code: int) -> None:
        """Not supported by Pusher."""

    def close(self, code: int, reason: str) -> None:
        """The code is in an error event and in the close frame."""
        self._closing = True
        self._send("pusher:error", {"code": code, "message": reason})
        self._socket.close(code, reason)

    def abort(self) -> None:
        self._socket.abort()

    # messages

    def _take(self, text: str) -> None:
        message = _message(text)
        name, data = message.get("event"), message.get("data")
        feed = data.get("channel") if isinstance(data, dict) else None
        if name == "pusher:ping":
            self._send("pusher:pong", "{}")
        elif name == "pusher:subscribe" and isinstance(feed, str):
            self._subscribe(feed)
        elif name == "pusher:unsubscribe" and isinstance(feed, str):
            self.feeds.discard(feed)
            self._hub.changed()
        elif name != "pusher:pong":
            self._refuse(f"Event {name} is not understood")

    def _subscribe(self, feed: str) -> None:
        if not is_public(feed):
            refusal = {"type": "AuthError", "error": "Not authorized", "status": 401}
            self._send("pusher:subscription_error", json.dumps(refusal), feed)
        elif feed in self.feeds:
            self._refuse(f"Existing subscription to channel {feed}")
        else:
            self.feeds.add(feed)
            self._send("pusher_internal:subscription_succeeded", "{}", feed)
            self._hub.changed()

    def _refuse(self, reason: str) -> None:
        """An error that does not close the connection has no code."""
        self._send("pusher:error", {"code": None, "message": reason})

    def _send(self, name: str, data: str | Message, feed: str | None = None) -> None:
        message: Message = {"event": name, "data": data}
        if feed is not None:
            message["channel"] = feed
        self._socket.send(json.dumps(message, separators=(",", ":"), ensure_ascii=False))


def _message(text: str) -> Message:
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
