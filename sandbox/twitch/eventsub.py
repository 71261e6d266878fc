"""EventSub: subscriptions, webhooks and WebSockets."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web

from sandbox.change_feed import ChangeFeed
from sandbox.faults import Faults
from sandbox.twitch.models import EVENT_TYPES, REVOKED, Subscription

PATH = "/twitch/ws"
MAX_PER_SESSION = 300
GRACE_SECONDS = 30.0

Json = dict[str, Any]


def instant(after: float = 0.0) -> str:
    """Now, with the nanoseconds that Twitch writes."""
    at = datetime.now(UTC) + timedelta(seconds=after)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"


@dataclass
class Session:
    """A WebSocket session; it survives a move to another connection."""

    id: str
    keepalive: int
    connected_at: str
    socket: web.WebSocketResponse
    user_id: int | None = None
    sent_at: float = field(default_factory=time.monotonic)


_Message = tuple[Subscription, str, str, Json, str]
"""Subscription, message id, kind, payload, and when it is dated; "" for when it is sent."""


class EventSub:
    def __init__(self, base_url: str, changes: ChangeFeed, faults: Faults) -> None:
        self.socket_url = base_url.replace("http", "ws", 1) + PATH
        self.subscriptions: dict[str, Subscription] = {}
        self.sessions: dict[str, Session] = {}
        self.moving: dict[str, str] = {}
        self.deliveries: deque[Json] = deque(maxlen=20_000)
        self._changes = changes
        self._faults = faults
        self._queues: dict[str, asyncio.Queue[_Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending = 0
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._http = aiohttp.ClientSession(headers={"User-Agent": "Go-http-client/1.1"})

    async def close(self) -> None:
        """Cancel what is under way, and close the sockets."""
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for session in list(self.sessions.values()):
            await session.socket.close()
        if self._http is not None:
            await self._http.close()

    @property
    def pending_count(self) -> int:
        return self._pending

    # -- subscriptions ----------------------------------------------------------------------

    def add(self, made: Subscription) -> None:
        """Keep it, and confirm a webhook."""
        self.subscriptions[made.id] = made
        if made.callback:
            self._spawn(self._challenge(made))

    def end(self, subscription: Subscription, status: str) -> None:
        """Revoke a subscription, with a notification."""
        self.subscriptions.pop(subscription.id, None)
        subscription.status = status
        self._send(
            subscription, str(uuid.uuid4()), "revocation", {"subscription": subscription.json()}
        )

    def publish(self, kind: str, channel_id: int, event: Json, at: str = "") -> int:
        """Send an event to everybody who is subscribed to it, dated ``at`` instead of now; returns
        to how many."""
        found = [
            subscription
            for subscription in self.subscriptions.values()
            if subscription.type == kind
            and subscription.status == "enabled"
            and _is_for(subscription, channel_id)
        ]
        for subscription in found:
            self.notify(subscription, event, at)
        self._changes.publish("twitch.event", type=kind)
        return len(found)

    def notify(self, subscription: Subscription, event: Json, at: str = "") -> None:
        """Send an event to one subscription."""
        if self._faults.take("twitch.event.drop"):
            return
        payload = {"subscription": subscription.json(), "event": event}
        first = str(uuid.uuid4())
        self._send(subscription, first, "notification", payload, at)
        if self._faults.take("twitch.event.duplicate"):
            self._send(subscription, first, "notification", payload, at)
        if self._faults.take("twitch.event.duplicate_new_id"):
            self._send(subscription, str(uuid.uuid4()), "notification", payload, at)

    def _send(
        self, subscription: Subscription, message_id: str, kind: str, payload: Json, at: str = ""
    ) -> None:
        """Send in order for each subscription's receiver."""
        lane = subscription.callback or subscription.session_id
        if lane not in self._queues:
            self._queues[lane] = asyncio.Queue()
            self._spawn(self._run(self._queues[lane]))
        self._pending += 1
        self._queues[lane].put_nowait((subscription, message_id, kind, payload, at))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, queue: "asyncio.Queue[_Message]") -> None:
        while True:
            message = await queue.get()
            try:
                if message[0].callback:
                    await self._post_event(*message)
                else:
                    await self._push(*message)
            finally:
                self._pending -= 1

    # -- webhooks ---------------------------------------------------------------------------

    async def _challenge(self, subscription: Subscription) -> None:
        challenge = secrets.token_urlsafe(20)
        body = {"challenge": challenge, "subscription": subscription.json()}
        kind = "webhook_callback_verification"
        status, text, content_type = await self._post(subscription, str(uuid.uuid4()), kind, body)
        is_good = status is not None and 200 <= status < 300 and text == challenge
        is_good = is_good and content_type.startswith("text/plain")
        subscription.status = "enabled" if is_good else "webhook_callback_verification_failed"
        self._changes.publish(
            "twitch.subscription", type=subscription.type, status=subscription.status
        )

    async def _post_event(
        self, subscription: Subscription, message_id: str, kind: str, payload: Json, at: str
    ) -> None:
        for attempt in range(1 + self._faults.number("twitch.webhook.retries")):
            if attempt:
                await asyncio.sleep(self._faults.number("twitch.webhook.retry_delay_ms") / 1000)
            status, _text, _type = await self._post(subscription, message_id, kind, payload, at)
            if status is not None and 200 <= status < 300:
                subscription.failures = 0
                return
        subscription.failures += 1
        maximum = self._faults.number("twitch.webhook.give_up_after")
        if (
            subscription.failures >= maximum
            and self.subscriptions.pop(subscription.id, None) is not None
        ):
            subscription.status = "notification_failures_exceeded"
            await self._post(
                subscription, str(uuid.uuid4()), "revocation", {"subscription": subscription.json()}
            )

    async def _post(
        self, subscription: Subscription, message_id: str, kind: str, payload: Json, at: str = ""
    ) -> tuple[int | None, str, str]:
        raw = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
        timestamp = at or instant(self._faults.number("twitch.webhook.clock_skew_s"))
        signed = message_id.encode() + timestamp.encode() + raw
        digest = hmac.new(subscription.secret.encode(), signed, hashlib.sha256).hexdigest()
        if kind == "notification" and self._faults.take("twitch.webhook.bad_signature"):
            digest = "0" * 64
        headers = {
            "Content-Type": "application/json",
            "Twitch-Eventsub-Message-Id": message_id,
            "Twitch-Eventsub-Message-Retry": "0",
            "Twitch-Eventsub-Message-Type": kind,
            "Twitch-Eventsub-Message-Signature": f"sha256={digest}",
            "Twitch-Eventsub-Message-Timestamp": timestamp,
            "Twitch-Eventsub-Subscription-Type": subscription.type,
            "Twitch-Eventsub-Subscription-Version": subscription.version,
        }
        assert self._http is not None, "the sandbox is running"
        record: Json = {
            "message_id": message_id,
            "type": subscription.type,
            "kind": kind,
            "status": None,
        }
        answer: tuple[int | None, str, str] = (None, "", "")
        try:
            async with self._http.post(
                subscription.callback,
                data=raw,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=5),
            ) as response:
                text = await response.text(errors="replace")
                answer = (response.status, text, response.headers.get("Content-Type", ""))
                record["status"] = response.status
        except (aiohttp.ClientError, TimeoutError) as failure:
            record["error"] = str(failure) or type(failure).__name__
        self.deliveries.append(record)
        return answer

    # -- sockets ----------------------------------------------------------------------------

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """`/twitch/ws`, also the address to which a session moves."""
        try:
            keepalive = int(request.query.get("keepalive_timeout_seconds", "10"))
        except ValueError:
            keepalive = 0
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self._faults.take("twitch.socket.refuse"):
            await socket.close(code=4000)
            return socket
        if not 10 <= keepalive <= 600:
            await socket.close(code=1008)
            return socket
        moved = self.moving.pop(request.query.get("reconnect", ""), None)
        if request.query.get("reconnect") and moved is None:
            await socket.close(code=4007)
            return socket
        session = self._welcome(socket, keepalive, moved)
        await self._tell(session, "session_welcome", _session(session, "connected"))
        watching = asyncio.create_task(self._watch(session))
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    await socket.close(code=4001)
        finally:
            watching.cancel()
            if session.socket is socket:
                self._forget(session)
        return socket

    def _welcome(self, socket: web.WebSocketResponse, keepalive: int, moved: str | None) -> Session:
        if moved is None or moved not in self.sessions:
            made = Session(secrets.token_urlsafe(16), keepalive, instant(), socket)
        else:
            old = self.sessions.pop(moved)
            made = Session(secrets.token_urlsafe(16), old.keepalive, instant(), socket, old.user_id)
            for subscription in self.subscriptions.values():
                if subscription.session_id == moved:
                    subscription.session_id = made.id
            self._spawn(_close_later(old.socket))
        self.sessions[made.id] = made
        self._changes.publish("twitch.socket", count=len(self.sessions))
        return made

    def _forget(self, session: Session) -> None:
        """Its subscriptions end with it."""
        self.sessions.pop(session.id, None)
        for subscription in list(self.subscriptions.values()):
            if subscription.session_id == session.id:
                self.subscriptions.pop(subscription.id)
        self._changes.publish("twitch.socket", count=len(self.sessions))

    async def _watch(self, session: Session) -> None:
        """Keepalives, and the end of a session that is not used."""
        started = time.monotonic()
        while True:
            await asyncio.sleep(0.2)
            now = time.monotonic()
            is_used = any(
                subscription.session_id == session.id
                for subscription in self.subscriptions.values()
            )
            unused = self._faults.seconds("twitch.socket.unused_s")
            if not is_used and now - started > unused and not self._has_moved(session):
                await session.socket.close(code=4003)
                return
            if now - session.sent_at > session.keepalive * 0.9:
                await self._tell(session, "session_keepalive", {})

    def _has_moved(self, session: Session) -> bool:
        return session.id not in self.sessions

    async def _push(
        self, subscription: Subscription, message_id: str, kind: str, payload: Json, at: str
    ) -> None:
        session = self.sessions.get(subscription.session_id)
        if session is not None:
            extra = {
                "subscription_type": subscription.type,
                "subscription_version": subscription.version,
            }
            extra |= {"message_timestamp": at} if at else {}
            await self._tell(session, kind, payload, message_id, extra)

    async def _tell(
        self,
        session: Session,
        kind: str,
        payload: Json,
        message_id: str | None = None,
        extra: Json | None = None,
    ) -> None:
        if self._faults.flag("twitch.socket.silent") and kind != "session_welcome":
            return
        metadata = {
            "message_id": message_id or str(uuid.uuid4()),
            "message_type": kind,
            "message_timestamp": instant(),
            **(extra or {}),
        }
        session.sent_at = time.monotonic()
        with contextlib.suppress(ConnectionError, RuntimeError):
            await session.socket.send_json({"metadata": metadata, "payload": payload})

    async def move(self) -> int:
        """Ask every session to move to another connection; returns how many."""
        sessions = list(self.sessions.values())
        for session in sessions:
            ticket = secrets.token_urlsafe(8)
            self.moving[ticket] = session.id
            url = f"{self.socket_url}?reconnect={ticket}"
            payload = _session(session, "reconnecting", url)
            await self._tell(session, "session_reconnect", payload)
        return len(sessions)

    async def drop(self, code: int | None) -> int:
        """Close every socket with a code, or cut it off without one; returns how many."""
        sessions = list(self.sessions.values())
        for session in sessions:
            if code is not None:
                await session.socket.close(code=code)
                continue
            request = session.socket._req
            if request is not None and request.transport is not None:
                request.transport.abort()
        return len(sessions)

    def snapshot(self) -> Json:
        """JSON-able."""
        return {
            "pending_count": self._pending,
            "subscriptions": [subscription.json() for subscription in self.subscriptions.values()],
            "sockets": [
                {"id": session.id, "connected_at": session.connected_at}
                for session in self.sessions.values()
            ],
        }


async def _close_later(socket: web.WebSocketResponse) -> None:
    await asyncio.sleep(GRACE_SECONDS)
    await socket.close(code=4004)


def _session(session: Session, status: str, url: str | None = None) -> Json:
    return {
        "session": {
            "id": session.id,
            "status": status,
            "keepalive_timeout_seconds": session.keepalive if url is None else None,
            "reconnect_url": url,
            "connected_at": session.connected_at,
        }
    }


def _is_for(subscription: Subscription, channel_id: int) -> bool:
    if subscription.type == REVOKED:
        return True
    return subscription.condition.get(EVENT_TYPES[subscription.type].of) == str(channel_id)
