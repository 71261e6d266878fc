"""One connection to the feed that is kept up: for some channels, over whichever transport works."""

import asyncio
import time
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import assert_never

import structlog

from core.kick.feed.centrifugo import CentrifugoSession
from core.kick.feed.negotiation import CentrifugoOffer, Negotiator, PusherOffer
from core.kick.feed.pusher import PusherSession
from core.kick.feed.routes import Route, RouteSelector, Server
from core.kick.feed.rules import Provider
from core.kick.feed.session import Ended, FrameHandler, Patience, Session
from core.kit.errors import Outage
from core.kit.settings import Settings

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How the listener reckons with time, in seconds.

    Attributes:
        look: seconds between two updates of the channels.
        compare: how often chat on the feed is compared with chat by webhook.
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
        negotiator: asks Kick for the transport.
        on_frame: called for each event of each feed.
    """

    def __init__(
        self, settings: Settings, negotiator: Negotiator, on_frame: FrameHandler, timing: Timing
    ) -> None:
        self._settings = settings
        self._negotiator = negotiator
        self._on_frame = on_frame
        self._timing = timing
        self._feeds: tuple[str, ...] = ()
        self._session: Session | None = None
        self._ways = RouteSelector(has_pusher_key=settings.kick_pusher_key is not None)
        self.connected_at: float | None = None
        self.connected_over: Provider | None = None
        self.trouble = ""

    async def follow(self, feeds: Collection[str]) -> None:
        """Listen to these feeds and no others from now on."""
        if set(feeds) == set(self._feeds):
            return
        self._feeds = tuple(feeds)
        if self._session is not None:
            await self._session.follow(feeds)

    def refused(self) -> dict[str, str]:
        """Feed -> why we may not listen to it."""
        return self._session.refused() if self._session is not None else {}

    async def keep_up(self) -> None:
        """Connect, and again, until cancelled."""
        while True:
            pause = await self._once()
            await asyncio.sleep(pause * self._timing.pause_factor)

    async def _once(self) -> float:
        """One session; how long to wait after it."""
        route = self._ways.choose(time.monotonic())
        if route is None:
            return self._timing.look
        way: Server | None = None
        self.connected_at = None
        try:
            way, self._session = await self._open(route)
            ended = await self._session.live(self._on_connected)
        except Outage as outage:
            ended = Ended(outage.reason)
        finally:
            self._session, self.connected_over = None, None
        return self._after(way, ended)

    def _after(self, way: Server | None, ended: Ended) -> float:
        now, since = time.monotonic(), self.connected_at
        if way is not None and since is not None and now - since >= self._timing.steady:
            self._ways.worked(way)
        self.trouble = ended.reason
        pause = self._ways.failed(way, now, terminal=ended.terminal)
        _log.info(
            "Kick's realtime feed is not connected",
            way=way,
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
        """A session of this way, not yet connected.

        Raises:
            Outage: Kick does not say where the feed is.
        """
        client_id = str(uuid.uuid4())
        if not route.accepted:
            key = self._settings.kick_pusher_key
            assert key is not None, "only then is this way offered"
            return "configured", self._pusher(key, self._settings.kick_pusher_cluster)
        offer = await asyncio.to_thread(self._negotiator.ask, client_id, route.accepted)
        match offer:
            case CentrifugoOffer(url=url):
                return "centrifugo", self._centrifugo(url, client_id)
            case PusherOffer(key=key, cluster=cluster):
                return "pusher", self._pusher(key, cluster)
        assert_never(offer)

    def _centrifugo(self, url: str, client_id: str) -> Session:
        async def get_token() -> str:
            return await asyncio.to_thread(self._negotiator.guest_token, client_id)

        patience = self._timing.patience
        return CentrifugoSession(url, get_token, self._feeds, self._on_frame, patience)

    def _pusher(self, key: str, cluster: str) -> Session:
        host = self._settings.kick_pusher_host or f"ws-{cluster}.pusher.com"
        return PusherSession(key, host, self._feeds, self._on_frame, self._timing.patience)
