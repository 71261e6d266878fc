"""Listens to the fake Kick's feed: by hand, with ``centrifuge-python``, with ``pysher``."""

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from socket import SHUT_RDWR
from typing import Any

import aiohttp
import pysher
import requests
from centrifuge import (
    Client,
    ClientEventHandler,
    ClientState,
    SubscriptionEventHandler,
)

from tests.patience import PATIENCE
from tests.sandbox.kick_harness import Kick

Json = dict[str, Any]

NORA_CHAT, NORA_OLD_CHAT, NORA_CHATROOM = (
    "chatrooms.3100001.v2",
    "chatrooms.3100001",
    "chatroom_3100001",
)
NORA_STREAM, NORA_CHANNEL = "channel.2100001", "channel_2100001"
NORA_CHANNEL_ID = 2_100_001
APP = "App\\Events\\"


def negotiate(
    kick: Kick, *providers: str, path: str | None = None, headers: dict[str, str] | None = None
) -> requests.Response:
    """Ask which transport there is; ``path`` is that of Nora's chat if not given."""
    body = {
        "client": {"id": str(uuid.uuid4()), "type": "web"},
        "capabilities": {"accepted_providers": [{"provider": each} for each in providers]},
    }
    path = path or f"channels/{NORA_CHANNEL_ID}/chat/connection"
    return ask(kick, path, json=body, headers=headers)


def ask(kick: Kick, path: str, **more: Any) -> requests.Response:
    """POST to a realtime endpoint of web.kick.com."""
    url = f"{kick.env['KICK_WEB_URL']}/api/v1/realtime/{path}"
    return requests.post(url, timeout=PATIENCE, **more)


def websocket_url(kick: Kick) -> str:
    """Centrifugo's address, from the negotiation."""
    connection = negotiate(kick, "centrifugo").json()["data"]["connections"][0]
    return str(connection["credentials"]["url"])


def guest_token(kick: Kick, client_id: str | None = None) -> str:
    """A guest's token."""
    body = {"client_id": client_id or str(uuid.uuid4())}
    return str(ask(kick, "auth/connection", json=body).json()["data"]["token"])


# by hand


class Wire:
    """A WebSocket on which a test speaks the protocol itself."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, *objects: Json) -> None:
        """All in one frame, one per line."""
        await self.send_text("\n".join(json.dumps(each) for each in objects))

    async def send_text(self, text: str) -> None:
        await self._socket.send_str(text)

    async def frame(self) -> list[Json]:
        """The objects of the next frame."""
        text = await self._socket.receive_str(timeout=PATIENCE)
        return [json.loads(line) for line in text.split("\n")]

    async def next(self) -> Json:
        """The only object of the next frame."""
        (single,) = await self.frame()
        return single

    async def closed(self) -> int:
        """The close code, reading over what comes before; 1006 without a close frame."""
        while True:
            message = await self._socket.receive(timeout=PATIENCE)
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                return self._socket.close_code or 1006

    async def silent(self, seconds: float = 0.15) -> bool:
        """Whether nothing at all comes."""
        try:
            await self._socket.receive(timeout=seconds)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def wire(url: str, **headers: str) -> AsyncIterator[Wire]:
    """A WebSocket for the length of the block, closed in haste."""
    timeout = aiohttp.ClientWSTimeout(ws_close=0.1)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers=headers, timeout=timeout) as socket,
    ):
        yield Wire(socket)


async def connected(wire: Wire, kick: Kick, *feeds: str) -> Json:
    """Connect to Centrifugo and subscribe; the reply to connect."""
    commands = [{"id": 1, "connect": {"token": guest_token(kick), "name": "js"}}]
    commands += [{"id": n, "subscribe": {"channel": f}} for n, f in enumerate(feeds, 2)]
    await wire.send(*commands)
    replies = await wire.frame()
    assert [reply["id"] for reply in replies] == list(range(1, len(commands) + 1))
    return dict(replies[0]["connect"])


# with centrifuge-python


class CentrifugoClient(ClientEventHandler, SubscriptionEventHandler):  # type: ignore[misc]
    """Writes down what the client reports: ``log`` of states, ``heard`` events."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []
        self.heard: list[tuple[str, Any]] = []

    async def on_connecting(self, ctx: Any) -> None:
        self.log.append(("connecting", ctx.code))

    async def on_connected(self, ctx: Any) -> None:
        self.log.append(("connected", 0))

    async def on_disconnected(self, ctx: Any) -> None:
        self.log.append(("disconnected", ctx.code))

    async def on_error(self, ctx: Any) -> None:
        self.log.append(("error", ctx.code))

    async def on_subscribed(self, ctx: Any) -> None:
        self.log.append(("subscribed", 0))

    async def on_subscribing(self, ctx: Any) -> None:
        self.log.append(("subscribing", ctx.code))

    async def on_unsubscribed(self, ctx: Any) -> None:
        self.log.append(("unsubscribed", ctx.code))

    async def on_publication(self, ctx: Any) -> None:
        data = ctx.pub.data["data"]
        self.heard.append(
            (ctx.pub.data["event"], json.loads(data) if isinstance(data, str) else data)
        )

    def count(self, state: str) -> int:
        return [name for name, _ in self.log].count(state)


@asynccontextmanager
async def centrifuge(
    kick: Kick,
    *feeds: str,
    token: str | None = None,
    get_token: Callable[[], Awaitable[str]] | None = None,
) -> AsyncIterator[tuple[Client, CentrifugoClient]]:
    """The real client, connecting and subscribing in the background."""
    ear = CentrifugoClient()
    given = "" if get_token else token or guest_token(kick)
    client = Client(
        websocket_url(kick),
        events=ear,
        token=given,
        get_token=get_token,
        min_reconnect_delay=0.02,
        proxy=None,
    )
    for feed in feeds:
        subscription = client.new_subscription(feed, events=ear, min_resubscribe_delay=0.02)
        await subscription.subscribe()
    await client.connect()
    try:
        yield client, ear
    finally:
        await client.disconnect()
        assert client.state is ClientState.DISCONNECTED


# with pysher


class PusherClient:
    """pysher's client for one feed; ``heard`` are the events bound by name."""

    def __init__(self, kick: Kick, feed: str, *events: str, key: str, auto_sub: bool) -> None:
        host, port = kick.env["KICK_PUSHER_HOST"].split(":")
        self.heard: list[tuple[str, Any]] = []
        self._feed, self._events = feed, events
        self.pusher = pysher.Pusher(
            key or kick.env["KICK_PUSHER_KEY"],
            custom_host=host,
            port=int(port),
            secure=False,
            auto_sub=auto_sub,
            reconnect_interval=0.05,
        )
        self.pusher.connection.bind("pusher:connection_established", self._subscribe)

    @property
    def state(self) -> str:
        return str(self.pusher.connection.state)

    def _subscribe(self, _data: object) -> None:
        """Only the first time: what happens on a reconnect is the library's affair."""
        if self._feed in self.pusher.channels:
            return
        channel = self.pusher.subscribe(self._feed)
        for event in self._events:
            channel.bind(event, self._hear, event)

    def _hear(self, data: str, event: str) -> None:
        self.heard.append((event, json.loads(data)))


def hang_up(pusher: Any) -> None:
    """End the client and its thread.

    The library's own ``disconnect`` often leaves the thread waiting on a closed socket for its
    ``ping_timeout`` of 100 s; only a socket that is shut down wakes it.
    """
    connection = pusher.connection
    connection.needs_reconnect, connection.disconnect_called = False, True
    connection.socket.keep_running = False
    with suppress(AttributeError, OSError):
        connection.socket.sock.sock.shutdown(SHUT_RDWR)
    connection.join(PATIENCE)
    assert not connection.is_alive()


@contextmanager
def pupil(
    kick: Kick, feed: str, *events: str, key: str = "", auto_sub: bool = True
) -> Iterator[PusherClient]:
    """The real client, connecting."""
    listening = PusherClient(kick, feed, *events, key=key, auto_sub=auto_sub)
    listening.pusher.connect()
    try:
        yield listening
    finally:
        hang_up(listening.pusher)
