"""What both transports' sessions have in common: one connection, from its opening to its end."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from core.kick.feed.rules import Provider

FrameHandler = Callable[[str, str, object], None]
"""`on_frame(feed, event, data)`, called on the listener's event loop; `data` is JSON, as text or
decoded."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a session is over.

    Attributes:
        reason: for the log and the health page.
        terminal: the server does not want us back soon.
    """

    reason: str
    terminal: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """Timeouts in seconds.

    Attributes:
        connect: until a new connection has to work.
        after_ping: beyond the server's own rhythm (Centrifugo).
        quiet: without anything, before we ask whether anybody is there (Pusher).
        pong: for the answer to that.
    """

    connect: float = 15.0
    after_ping: float = 20.0
    quiet: float = 120.0
    pong: float = 20.0


class Session(Protocol):
    """One connection over one of the transports. It does not reconnect: the address, the token and
    even the transport may be others by then."""

    provider: Provider

    async def live(self, connected: Callable[[], None]) -> Ended:
        """Connect, call `connected()` once it works, and return when it is over. Cancelled, it
        closes the connection."""

    async def follow(self, feeds: Collection[str]) -> None:
        """Listen to these feeds and no others from now on."""

    def refused(self) -> dict[str, str]:
        """Feed -> why the server does not let us listen to it."""
