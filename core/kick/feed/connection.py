"""A connection to the feed that is kept up: for some channels, over whichever transport Kick's
website offers today and works."""

import asyncio
import time
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
import structlog

from core.kick.feed.centrifugo import CentrifugoSession
from core.kick.feed.pusher import PusherSession
from core.kick.feed.rules import Provider, Route, RouteSelector, Server
from core.kick.feed.session import Ended, FrameHandler, Patience, Session
from core.kick.wire import TIMEOUT, USER_AGENT
from core.kit.errors import Outage
from core.kit.settings import Settings

SERVICE = "Kick's realtime feed"

_AS_THE_SITE = {
    "User-Agent": f"Mozilla/5.0 (compatible) {USER_AGENT}",
    "Accept": "application/json",
    "Origin": "https://kick.com",
    "Referer": "https://kick.com/",
}
"""The feed is made for Kick's own pages and answers to nobody else's."""

_log = structlog.get_logger(__name__)


class Negotiator:
    """Asks Kick's website for the transport and for a guest's token. Synchronous; call it in a
    thread. Every method raises `Outage` when Kick does not answer properly."""

    def __init__(self, web_url: str) -> None:
        self._base = f"{web_url}/api/v1/realtime"

    def ask(self, client_id: str, accepted: Sequence[Provider]) -> tuple[Provider, dict[str, str]]:
        """The transport that Kick chooses among these, and what is needed to connect: `url`, or
        for Pusher `app_key` and `cluster`."""
        answer = self._post(
            "connection",
            {
                "client": {"id": client_id, "type": "web"},
                "capabilities": {"accepted_providers": [{"provider": each} for each in accepted]},
            },
        )
        for connection in _get(answer, "connections", list):
            for provider in accepted:
                given = _credentials(connection, provider)
                if given is not None:
                    return provider, given
        raise Outage(SERVICE, f"Kick offers no {' or '.join(accepted)}")

    def guest_token(self, client_id: str) -> str:
        """Lets this client in, for about 45 minutes. Always the same client id for a connection."""
        return str(_get(self._post("auth/connection", {"client_id": client_id}), "token", str))

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        try:
            response = requests.post(
                f"{self._base}/{path}", json=body, headers=_AS_THE_SITE, timeout=TIMEOUT
            )
        except requests.RequestException as error:
            raise Outage(SERVICE, type(error).__name__) from error
        if not response.ok:
            raise Outage(SERVICE, f"HTTP {response.status_code}")
        try:
            return _get(response.json(), "data", dict)
        except ValueError as error:
            raise Outage(SERVICE, "an answer that is no JSON") from error


_NEEDED: dict[Provider, tuple[str, ...]] = {
    "centrifugo": ("url",),
    "pusher": ("app_key", "cluster"),
}


def _credentials(connection: object, provider: Provider) -> dict[str, str] | None:
    """None if this is another transport, or of a shape that is not understood."""
    try:
        if _get(connection, "provider", str) != provider:
            return None
        given = _get(connection, "credentials", dict)
        return {name: _get(given, name, str) for name in _NEEDED[provider]}
    except Outage:
        return None


def _get(answer: object, name: str, kind: type) -> Any:
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, kind):
        raise Outage(SERVICE, f"an answer without {name}")
    return value


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds.

    Attributes:
        look: between two updates of the channels.
        compare: between two comparisons of chat on the feed with chat by webhook.
        steady: a connection that lived this long has worked.
        patience: timeouts.
        pause_factor: multiplies every pause between two tries; tests make it small.
    """

    look: float = 5.0
    compare: float = 30.0
    steady: float = 60.0
    patience: Patience = field(default_factory=Patience)
    pause_factor: float = 1.0


class Connection:
    """Opens one session after another until cancelled.

    Args:
        settings: where the feed is.
        on_frame: called for each event of each feed.
    """

    def __init__(self, settings: Settings, on_frame: FrameHandler, timing: Timing) -> None:
        self._settings = settings
        self._negotiator = Negotiator(settings.kick_web_url)
        self._on_frame = on_frame
        self._timing = timing
        self._feeds: tuple[str, ...] = ()
        self._session: Session | None = None
        self._routes = RouteSelector(has_pusher_key=settings.kick_pusher_key is not None)
        self.connected_at: float | None = None
        self.connected_over: Provider | None = None
        self.trouble = ""

    async def follow(self, feeds: Collection[str]) -> None:
        """Listen to these feeds and no others from now on."""
        if set(feeds) != set(self._feeds):
            self._feeds = tuple(feeds)
            if self._session is not None:
                await self._session.follow(feeds)

    def refused(self) -> dict[str, str]:
        """Feed -> why we may not listen to it."""
        return self._session.refused if self._session is not None else {}

    async def keep_up(self) -> None:
        """Connect, and again, until cancelled."""
        while True:
            pause = await self._connect()
            await asyncio.sleep(pause * self._timing.pause_factor)

    async def _connect(self) -> float:
        """One session; how long to wait after it."""
        route = self._routes.choose(time.monotonic())
        if route is None:
            return self._timing.look
        server: Server | None = None
        self.connected_at = None
        try:
            server, self._session = await self._open(route)
            ended = await self._session.live(self._on_connected)
        except Outage as outage:
            ended = Ended(outage.reason)
        finally:
            self._session, self.connected_over = None, None
        return self._pause_after(server, ended)

    def _pause_after(self, server: Server | None, ended: Ended) -> float:
        now, since = time.monotonic(), self.connected_at
        if server is not None and since is not None and now - since >= self._timing.steady:
            self._routes.worked(server)
        self.trouble = ended.reason
        pause = self._routes.failed(server, now, terminal=ended.terminal)
        _log.info(
            "Kick's realtime feed is not connected",
            way=server,
            reason=ended.reason,
            pause=round(pause),
        )
        return pause

    def _on_connected(self) -> None:
        self.connected_at = time.monotonic()
        if self._session is not None:
            self.connected_over = self._session.provider
            self.trouble = ""
            _log.info("Listening to Kick's realtime feed", over=self.connected_over)

    async def _open(self, route: Route) -> tuple[Server, Session]:
        """A session over this route, not yet connected.

        Raises:
            Outage: Kick does not say where the feed is.
        """
        if not route.accepted:
            key = self._settings.kick_pusher_key
            assert key is not None, "only then is this route offered"
            return "configured", self._pusher(key, self._settings.kick_pusher_cluster)
        client_id = str(uuid.uuid4())
        provider, given = await asyncio.to_thread(self._negotiator.ask, client_id, route.accepted)
        if provider == "pusher":
            return provider, self._pusher(given["app_key"], given["cluster"])

        async def get_token() -> str:
            return await asyncio.to_thread(self._negotiator.guest_token, client_id)

        patience = self._timing.patience
        return provider, CentrifugoSession(
            given["url"], get_token, self._feeds, self._on_frame, patience
        )

    def _pusher(self, key: str, cluster: str) -> Session:
        host = self._settings.kick_pusher_host or f"ws-{cluster}.pusher.com"
        return PusherSession(key, host, self._feeds, self._on_frame, self._timing.patience)
