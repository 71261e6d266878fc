"""One connection to the feed, from its opening to its end, over either transport."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ClassVar

from core.kick.feed.rules import Provider

FrameHandler = Callable[[str, str, object], None]
"""`on_frame(feed, event, data)`, called on the listener's event loop; `data` is JSON, as text or
decoded."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a session is over.

    Attributes:
        reason: the reason, for the log and the health page.
        terminal: the server asked us not to retry soon.
    """

    reason: str
    terminal: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals and timeouts in seconds.

    Attributes:
        update: between two updates of the channels.
        compare: between two comparisons of chat on the feed with chat by webhook.
        steady: a connection that lasted this long counts as stable.
        pause_factor: multiplies the pause before a retry; tests make it small.
        connect: seconds until a new connection has to work.
        after_ping: beyond the server's own ping interval (Centrifugo).
        quiet: without a message, before we ping (Pusher).
        pong: seconds to wait for the response to a ping.
    """

    update: float = 5.0
    compare: float = 30.0
    steady: float = 60.0
    pause_factor: float = 1.0
    connect: float = 15.0
    after_ping: float = 20.0
    quiet: float = 120.0
    pong: float = 20.0


class Session(ABC):
    """Base of both transports. A session does not reconnect: the address, the token and even the
    transport may have changed.

    Args:
        feeds: the feeds to listen to.
        on_frame: called for each event.

    Attributes:
        refused: feed -> why the server refuses it.
    """

    provider: ClassVar[Provider]

    def __init__(self, feeds: Collection[str], on_frame: FrameHandler, timing: Timing) -> None:
        self.refused: dict[str, str] = {}
        self._feeds = set(feeds)
        self._on_frame = on_frame
        self._timing = timing
        self._loop = asyncio.get_running_loop()
        self._up: asyncio.Future[None] = self._loop.create_future()
        self._over: asyncio.Future[Ended] = self._loop.create_future()

    async def run(self, on_connected: Callable[[], None]) -> Ended:
        """Connect, call `on_connected()` once it works, and return when it is over. Cancelling it
        closes the connection."""
        try:
            await self._open()
            either = (self._up, self._over)
            await asyncio.wait(
                either, timeout=self._timing.connect, return_when=asyncio.FIRST_COMPLETED
            )
            if self._up.done():
                on_connected()
            else:
                self._end("no connection in time")
            return await self._over
        finally:
            await self._close()

    async def follow(self, feeds: Collection[str]) -> None:
        """Listen to these feeds only."""
        before, self._feeds = self._feeds, set(feeds)
        for feed in sorted(self._feeds - before):
            await self._subscribe(feed)
        for feed in sorted(before - self._feeds):
            await self._unsubscribe(feed)

    def _establish(self) -> None:
        """The connection works."""
        if not self._up.done():
            self._up.set_result(None)

    def _end(self, reason: str, terminal: bool = False) -> None:
        if not self._over.done():
            self._over.set_result(Ended(reason, terminal))

    @abstractmethod
    async def _open(self) -> None: ...

    @abstractmethod
    async def _close(self) -> None: ...

    @abstractmethod
    async def _subscribe(self, feed: str) -> None: ...

    @abstractmethod
    async def _unsubscribe(self, feed: str) -> None: ...
