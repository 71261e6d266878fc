"""A connection to the feed that stays open: for some channels, over a working transport that Kick's
website offers."""

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from core.kick.feed.centrifugo import CentrifugoSession
from core.kick.feed.pusher import PusherSession
from core.kick.feed.rules import Provider, Route, RouteSelector, Server
from core.kick.feed.session import Ended, FrameHandler, Session, Timing
from core.kick.wire import KickRejected, as_documented
from core.kit.errors import Outage
from core.kit.runtime.settings import Settings
from core.kit.runtime.wire import USER_AGENT, Wire

SERVICE = "Kick's realtime feed"

_AS_THE_SITE = {
    "User-Agent": f"Mozilla/5.0 (compatible) {USER_AGENT}",
    "Accept": "application/json",
    "Origin": "https://kick.com",
    "Referer": "https://kick.com/",
}
"""The feed only answers requests from Kick's own pages."""

_log = structlog.get_logger(__name__)


class Negotiator:
    """Gets the transport and a guest's token from Kick's website. Synchronous; call it in a
    thread. Every method raises `Outage` when Kick does not answer properly."""

    def __init__(self, web_url: str) -> None:
        self._base = f"{web_url}/api/v1/realtime"
        self._wire = Wire(KickRejected)

    def ask(self, client_id: str, accepted: Route) -> tuple[Provider, dict[str, str]]:
        """The transport that Kick chooses from these, and what is needed to connect: `url`, or
        for Pusher `app_key` and `cluster`."""
        answer = self._post(
            "connection",
            {
                "client": {"id": client_id, "type": "web"},
                "capabilities": {
                    "accepted_providers": [{"provider": provider} for provider in accepted]
                },
            },
        )
        with as_documented():
            for connection in answer["connections"]:
                for provider in accepted:
                    if connection.get("provider") == provider:
                        given = connection["credentials"]
                        return provider, {name: str(given[name]) for name in _NEEDED[provider]}
        raise Outage(SERVICE, f"Kick offers no {' or '.join(accepted)}")

    def guest_token(self, client_id: str) -> str:
        """A token for this client, valid for about 45 minutes. A connection keeps its client id."""
        answer = self._post("auth/connection", {"client_id": client_id})
        with as_documented():
            return str(answer["token"])

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        url = f"{self._base}/{path}"
        try:
            with as_documented():
                return self._wire.ask("POST", url, json=body, headers=_AS_THE_SITE)["data"]
        except KickRejected as rejected:
            raise Outage(SERVICE, f"HTTP {rejected.status}") from rejected


_NEEDED: dict[Provider, tuple[str, ...]] = {
    "centrifugo": ("url",),
    "pusher": ("app_key", "cluster"),
}


class Connection:
    """Opens one session after another until cancelled.

    Args:
        settings: the address of the feed.
        on_frame: called for each event of each feed.

    Attributes:
        channel_ids: the channels whose feeds it listens to.
        connected_at: connection time by the monotonic clock; None while disconnected, like
            `connected_over`.
        trouble: why it is not.
    """

    def __init__(self, settings: Settings, on_frame: FrameHandler, timing: Timing) -> None:
        self.channel_ids: list[int] = []
        self.connected_at: float | None = None
        self.connected_over: Provider | None = None
        self.trouble = ""
        self._settings = settings
        self._negotiator = Negotiator(settings.kick_web_url)
        self._on_frame = on_frame
        self._timing = timing
        self._feeds: tuple[str, ...] = ()
        self._session: Session | None = None
        self._routes = RouteSelector(has_pusher_key=settings.kick_pusher_key is not None)
        self._task: asyncio.Task[None] | None = None

    async def follow(self, channels: Mapping[int, Sequence[str]]) -> None:
        """Listen to the feeds of these channels only."""
        self.channel_ids = list(channels)
        feeds = tuple(feed for feeds in channels.values() for feed in feeds)
        if set(feeds) != set(self._feeds):
            self._feeds = feeds
            if self._session is not None:
                await self._session.follow(feeds)

    def refused(self) -> dict[str, str]:
        """Feed -> why the server refuses it."""
        return self._session.refused if self._session is not None else {}

    def start(self) -> None:
        """Connect, or connect again if a bug ended the connection."""
        if self._task is not None and self._task.done():
            _log.error("Feed connection crashed", exc_info=self._task.exception())
            self._task = None
        self._task = self._task or asyncio.create_task(self._run())

    def cancel(self) -> "asyncio.Task[None] | None":
        """Disconnect; returns what to wait for."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    async def _run(self) -> None:
        while True:
            pause = await self._connect()
            await asyncio.sleep(pause * self._timing.pause_factor)

    async def _connect(self) -> float:
        """Run one session; returns how long to wait before the next."""
        route = self._routes.choose(time.monotonic())
        if route is None:
            return self._timing.update
        server: Server | None = None
        try:
            server, self._session = await self._open(route)
            ended = await self._session.run(self._on_connected)
        except Outage as outage:
            ended = Ended(outage.reason)
        finally:
            self._session, self.connected_over = None, None
        now, since, self.connected_at = time.monotonic(), self.connected_at, None
        if server is not None and since is not None and now - since >= self._timing.steady:
            self._routes.worked(server)
        self.trouble = ended.reason
        pause = self._routes.failed(server, now, terminal=ended.terminal)
        _log.info(
            "Feed connection ended",
            server=server,
            reason=ended.reason,
            pause=round(pause),
        )
        return pause

    def _on_connected(self) -> None:
        assert self._session is not None, "it is this session that calls"
        self.connected_at, self.connected_over = time.monotonic(), self._session.provider
        self.trouble = ""
        _log.info("Connected to Kick's realtime feed", over=self.connected_over)

    async def _open(self, route: Route) -> tuple[Server, Session]:
        """A session over this route, not yet connected.

        Raises:
            Outage: Kick does not return the feed's address.
        """
        if not route:
            key = self._settings.kick_pusher_key
            assert key is not None, "only then is this route offered"
            return "configured", self._pusher(key, self._settings.kick_pusher_cluster)
        client_id = str(uuid.uuid4())
        provider, given = await asyncio.to_thread(self._negotiator.ask, client_id, route)
        if provider == "pusher":
            return provider, self._pusher(given["app_key"], given["cluster"])

        async def get_token() -> str:
            return await asyncio.to_thread(self._negotiator.guest_token, client_id)

        return provider, CentrifugoSession(
            given["url"], get_token, self._feeds, self._on_frame, self._timing
        )

    def _pusher(self, key: str, cluster: str) -> Session:
        host = self._settings.kick_pusher_host or f"ws-{cluster}.pusher.com"
        return PusherSession(key, host, self._feeds, self._on_frame, self._timing)
