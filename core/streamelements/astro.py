"""Listens to StreamElements' realtime gateway (Astro): one socket for each connected account, in
one of several processes. Activities of subscribers are stored in the inbox."""

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from core.inbox.listener import STOP_SECONDS, SocketListener
from core.inbox.store import Delivery
from core.kit.errors import Outage, Refusal, backoff
from core.kit.health_item import HealthItem
from core.kit.runtime.clock import parse_instant
from core.kit.services import Services
from core.kit.text import strict_json
from core.streamelements.actions import ACCOUNT
from core.streamelements.bulk import token_of
from core.streamelements.records import StreamElementsAccount
from core.streamelements.subscribers import ASTRO, SUBSCRIBER

SERVICE = "StreamElements' WebSocket"
TOPIC = "channel.activities"
UPDATE_SECONDS = 5.0
ANSWER_SECONDS = 15.0
PING_SECONDS = 30.0
MAX_BYTES = 2**20

_log = structlog.get_logger(__name__)


class _Closed(Exception):
    """The connection has ended or cannot be used."""


class AstroSocket:
    """A connection that reconnects until cancelled.

    Args:
        receive: called with the data of every activity.
        pause_factor: multiplies the pause before a retry; small in tests.

    Attributes:
        trouble: why it does not listen; "" while it does.
    """

    def __init__(
        self,
        url: str,
        channel_id: str,
        token: str,
        receive: Callable[[dict[str, Any]], None],
        pause_factor: float,
    ) -> None:
        self._url = url
        self._channel_id = channel_id
        self._token = token
        self._receive = receive
        self._pause_factor = pause_factor
        self._reconnect_token = ""
        self.trouble = "connecting"

    async def run(self) -> None:
        """Connect, and reconnect whenever the connection ends."""
        failures = 0
        while True:
            was_up = False
            try:
                await self._session()
                failures = 0
                continue  # reconnect was requested
            except (_Closed, ConnectionClosed, InvalidHandshake, OSError, TimeoutError) as error:
                was_up, self.trouble = not self.trouble, str(error) or type(error).__name__
            except InvalidURI:
                self.trouble = "STREAMELEMENTS_ASTRO_URL is not a WebSocket address"
            except Exception:  # one channel's bug must not end the others
                _log.exception("StreamElements WebSocket failed")
                self.trouble = "an unexpected error; see the log"
            self._reconnect_token = ""
            failures = 1 if was_up else failures + 1
            await asyncio.sleep(backoff(failures).total_seconds() * self._pause_factor)

    async def _session(self) -> None:
        """One session, from the welcome until StreamElements requests a reconnect."""
        moved = self._reconnect_token
        separator = "&" if "?" in self._url else "?"
        url = f"{self._url}{separator}reconnect_token={moved}" if moved else self._url
        async with connect(
            url, max_size=MAX_BYTES, ping_interval=PING_SECONDS, close_timeout=1
        ) as connection:
            async with asyncio.timeout(ANSWER_SECONDS):
                if _read(await connection.recv())["type"] != "welcome":
                    raise _Closed("StreamElements did not send a welcome")
                if not moved:  # a token restores the subscription
                    await self._subscribe(connection)
            self.trouble = ""
            async for text in connection:
                message = _read(text)
                data = message.get("data")
                if message["type"] == "reconnect" and isinstance(data, dict):
                    self._reconnect_token = str(data["reconnect_token"])
                    return
                if message["type"] == "message" and isinstance(data, dict):
                    self._receive(data)
        raise _Closed("the connection was closed")

    async def _subscribe(self, connection: ClientConnection) -> None:
        nonce = secrets.token_hex(8)
        data = {
            "topic": TOPIC,
            "room": self._channel_id,
            "token": self._token,
            "token_type": "jwt",
        }
        await connection.send(json.dumps({"type": "subscribe", "nonce": nonce, "data": data}))
        while True:
            answer = _read(await connection.recv())
            if answer["type"] == "response" and answer.get("nonce") == nonce:
                if error := answer.get("error"):
                    raise _Closed(f"StreamElements refused the subscription: {error}")
                return


def _read(message: str | bytes) -> dict[str, Any]:
    try:
        read = strict_json.decode(message)
    except ValueError:
        raise _Closed("a message could not be read") from None
    if not isinstance(read, dict) or "type" not in read:
        raise _Closed("a message could not be read")
    return read


@dataclass
class _Listening:
    sealed: str
    socket: AstroSocket
    task: "asyncio.Task[None]"


class AstroListener(SocketListener):
    """Started and stopped with the process."""

    def __init__(
        self, services: Services, update: float = UPDATE_SECONDS, pause_factor: float = 1.0
    ) -> None:
        super().__init__(services, ASTRO, update)
        self._pause_factor = pause_factor
        self._channels: dict[str, _Listening] = {}

    @property
    def _is_wanted(self) -> bool:
        return True

    async def _update(self) -> None:
        self._is_leader = await asyncio.to_thread(self._leader.is_leader)
        if not self._is_leader:
            await self._disconnect()
            return
        try:
            accounts = await self._services.database.run(ACCOUNT.list_all)
        except Outage as outage:
            self._trouble = str(outage)
            return  # keep the connections
        self._trouble = ""
        wanted = {
            account.channel_id: account for account in accounts if account.state == "connected"
        }
        for channel_id, known in list(self._channels.items()):
            account = wanted.get(channel_id)
            if account is None or account.token != known.sealed or known.task.done():
                await self._drop(channel_id)
        for channel_id, account in wanted.items():
            if channel_id not in self._channels:
                self._begin(account)

    def _begin(self, account: StreamElementsAccount) -> None:
        try:
            token = token_of(self._services, account)
        except Refusal as refusal:
            self._trouble = str(refusal)
            return
        url = self._services.settings.streamelements_astro_url
        socket = AstroSocket(url, account.channel_id, token, self._receive, self._pause_factor)
        task = asyncio.create_task(socket.run())
        self._channels[account.channel_id] = _Listening(account.token, socket, task)

    def _receive(self, activity: dict[str, Any]) -> None:
        """Store a subscriber's activity."""
        if activity.get("type") != "subscriber":
            return
        try:
            sent_at = parse_instant(str(activity["createdAt"]))
            activity_id, channel_id = str(activity["activityId"]), str(activity["channel"])
        except (ValueError, LookupError):
            _log.warning("Reading a StreamElements activity failed")
            return
        if channel_id in self._channels:
            lane = f"streamelements:{channel_id}"
            self._buffer.put(Delivery(ASTRO, activity_id, SUBSCRIBER, lane, activity, sent_at))

    async def _drop(self, channel_id: str) -> None:
        task = self._channels.pop(channel_id).task
        task.cancel()
        await asyncio.wait((task,), timeout=STOP_SECONDS / 2)

    async def _disconnect(self) -> None:
        for channel_id in list(self._channels):
            await self._drop(channel_id)

    def status(self) -> list[HealthItem]:
        """One item for the health page, if there is anything to listen to."""
        if not self._is_running:
            return [HealthItem(SERVICE, "warn", "It is not running.")]
        troubles = sorted({channel.socket.trouble for channel in self._channels.values()} - {""})
        if self._trouble or troubles:
            reason = "; ".join([*([self._trouble] if self._trouble else []), *troubles])
            return [HealthItem(SERVICE, "warn", reason)]
        if not self._channels:
            return []
        return [HealthItem(SERVICE, "ok", f"Listening to {len(self._channels)}.")]
