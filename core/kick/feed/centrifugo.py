"""The feed over Centrifugo, with `centrifuge-python`.

The library answers pings, renews the guest's token and resubscribes when the server drops a feed.
It must not reconnect by itself: its first attempt to do so ends the session.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

import structlog
from centrifuge import Client, ClientEventHandler, SubscriptionEventHandler

from core.kick.feed.rules import is_terminal
from core.kick.feed.session import FrameHandler, Session, Timing

ORIGIN = "https://kick.com"

_CALLED_BY_US = 0
"""The library's code for our own calls: connect, disconnect, unsubscribe."""

_log = structlog.get_logger(__name__)


class CentrifugoSession(Session, ClientEventHandler):  # type: ignore[misc]  # without types
    """One connection over Centrifugo; receives the library's events.

    Args:
        url: the WebSocket URL from the negotiation.
        get_token: returns a guest's token, always for the same client id.
    """

    provider = "centrifugo"

    def __init__(
        self,
        url: str,
        get_token: Callable[[], Awaitable[str]],
        feeds: Collection[str],
        on_frame: FrameHandler,
        timing: Timing,
    ) -> None:
        super().__init__(feeds, on_frame, timing)
        self._client = Client(
            url,
            events=self,
            get_token=get_token,
            name="js",
            max_server_ping_delay=timing.after_ping,
            headers={"Origin": ORIGIN},
        )

    async def _open(self) -> None:
        for feed in sorted(self._feeds):
            await self._subscribe(feed)
        await self._client.connect()

    async def _close(self) -> None:
        await self._client.disconnect()

    async def _subscribe(self, feed: str) -> None:
        self.refused.pop(feed, None)
        events = _Subscription(feed, self._on_frame, self.refused)
        await self._client.new_subscription(feed, events=events).subscribe()

    async def _unsubscribe(self, feed: str) -> None:
        subscription = self._client.get_subscription(feed)
        if subscription is not None:
            await subscription.unsubscribe()
            self._client.remove_subscription(subscription)

    async def on_connected(self, _ctx: Any) -> None:
        self._establish()

    async def on_connecting(self, ctx: Any) -> None:
        if ctx.code != _CALLED_BY_US:
            await self.on_disconnected(ctx)

    async def on_disconnected(self, ctx: Any) -> None:
        self._end(f"{ctx.reason} ({ctx.code})", is_terminal(ctx.code))

    async def on_error(self, ctx: Any) -> None:
        if not self._up.done():
            self._end(f"{type(ctx.error).__name__}: {ctx.error}")


class _Subscription(SubscriptionEventHandler):  # type: ignore[misc]
    """Receives the library's events for one feed."""

    def __init__(self, feed: str, on_frame: FrameHandler, refused: dict[str, str]) -> None:
        self._feed = feed
        self._on_frame = on_frame
        self._refused = refused

    async def on_publication(self, ctx: Any) -> None:
        frame = ctx.pub.data
        if isinstance(frame, dict) and isinstance(frame.get("event"), str):
            self._on_frame(self._feed, frame["event"], frame.get("data"))

    async def on_subscribed(self, _ctx: Any) -> None:
        self._refused.pop(self._feed, None)

    async def on_unsubscribed(self, ctx: Any) -> None:
        if ctx.code != _CALLED_BY_US:
            self._refused[self._feed] = f"{ctx.reason} ({ctx.code})"
            _log.warning(
                "Feed subscription refused", feed=self._feed, code=ctx.code, reason=ctx.reason
            )
