"""StreamElements' realtime gateway (Astro): welcome, subscriptions, messages, moving sockets.

https://docs.streamelements.com/websockets
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.change_feed import ChangeFeed
from sandbox.faults import Faults
from sandbox.streamelements.channels import Channel

PATH = "/streamelements/astro"
PING_SECONDS = 30.0
TOPICS = ("channel.activities", "channel.chat.message", "channel.session.update")

Json = dict[str, Any]


@dataclass(eq=False)
class _Socket:
    connection: web.WebSocketResponse
    rooms: set[tuple[str, str]] = field(default_factory=set)


class Astro:
    """The open sockets, and the subscriptions that a reconnect token restores."""

    def __init__(
        self, channels: Mapping[str, Channel], changes: ChangeFeed, faults: Faults
    ) -> None:
        self._channels = channels
        self._changes = changes
        self._faults = faults
        self._sockets: set[_Socket] = set()
        self._moved: dict[str, set[tuple[str, str]]] = {}

    @property
    def count(self) -> int:
        """Sockets that have a subscription."""
        return sum(1 for socket in self._sockets if socket.rooms)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        if self._faults.take("streamelements.socket_429"):
            raise web.HTTPTooManyRequests(headers={"Retry-After": "2"})
        connection = web.WebSocketResponse(heartbeat=PING_SECONDS)
        await connection.prepare(request)
        token = request.query.get("reconnect_token", "")
        socket = _Socket(connection, self._moved.pop(token, set()))
        self._sockets.add(socket)
        try:
            client_id = secrets.token_hex(8)
            await connection.send_json(_message("welcome", {"client_id": client_id}))
            self._changes.publish("streamelements.socket")
            async for message in connection:
                if message.type is WSMsgType.TEXT:
                    await connection.send_json(self._answer(socket, message.data))
        finally:
            self._sockets.discard(socket)
            self._changes.publish("streamelements.socket")
        return connection

    def _answer(self, socket: _Socket, text: str) -> Json:
        try:
            asked = json.loads(text)
            kind, data = asked["type"], asked["data"]
            topic, room = data["topic"], data["room"]
        except (ValueError, LookupError, TypeError):
            return _message("response", {"message": "bad request"}, error="err_bad_request")
        given = {"nonce": asked.get("nonce", "")}
        if kind != "subscribe":
            return _message("response", {}, error="invalid_message_type", **given)
        if topic not in TOPICS:
            return _message("response", {"message": "no topic"}, error="err_bad_request", **given)
        if self._faults.flag("streamelements.socket_unauthorized") or not self._may(data):
            return _message("response", {"message": "no"}, error="err_unauthorized", **given)
        socket.rooms.add((topic, room))
        self._changes.publish("streamelements.socket")
        done = {"message": "successfully subscribed to topic", "topic": topic, "room": room}
        return _message("response", done, **given)

    def _may(self, data: Json) -> bool:
        return data.get("token_type") == "jwt" and any(
            (channel.jwt, channel.id) == (data.get("token"), data["room"])
            for channel in self._channels.values()
        )

    async def publish(self, channel: Channel, topic: str, data: Json) -> int:
        """Send to all subscribers; returns how many."""
        wanted = (topic, channel.id)
        sockets = [socket for socket in self._sockets if wanted in socket.rooms]
        for socket in sockets:
            message = _message("message", data, topic=topic, room=channel.id)
            await socket.connection.send_json(message)
        return len(sockets)

    async def move(self) -> int:
        """Ask every socket to connect again with a token that restores its subscriptions."""
        for socket in (sockets := list(self._sockets)):
            token = secrets.token_hex(8)
            self._moved[token] = set(socket.rooms)
            await socket.connection.send_json(_message("reconnect", {"reconnect_token": token}))
        return len(sockets)

    async def drop(self) -> int:
        """Close every socket."""
        for socket in (sockets := list(self._sockets)):
            await socket.connection.close()
        return len(sockets)


def _message(kind: str, data: Json, **more: str) -> Json:
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {"id": secrets.token_hex(10), "ts": at, "type": kind, **more, "data": data}
