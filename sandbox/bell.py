"""The change feed: whoever changes the world rings; the page and the tests listen."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

Ring = dict[str, Any]
"""``{"area": "kick.chat", ...}``: the area and whatever the ringer had to say, JSON-able."""

BACKLOG = 1000
"""Rings kept for a listener that is slow.

Beyond it the oldest are dropped, for a bell is not a ledger.
"""


class Listener(AsyncIterator[Ring]):
    """One ear at the bell.

    It hears everything rung after its creation, until it or the bell is closed.
    """

    def __init__(self, bell: "Bell") -> None:
        self._bell = bell
        self._rings: asyncio.Queue[Ring | None] = asyncio.Queue()

    def hear(self, ring: Ring | None) -> None:
        """Take a ring, or None for the end."""
        if self._rings.qsize() >= BACKLOG:
            self._rings.get_nowait()
        self._rings.put_nowait(ring)

    async def __anext__(self) -> Ring:
        ring = await self._rings.get()
        if ring is None:
            raise StopAsyncIteration
        return ring

    def close(self) -> None:
        """Stop listening; safe to call again."""
        self._bell.forget(self)


class Bell:
    """Tells all listeners what changed. Ring and listen on the sandbox's event loop only."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def ring(self, area: str, **data: object) -> None:
        """Say that something changed in ``area``, such as ``kick.chat``."""
        for listener in self._listeners:
            listener.hear({"area": area, **data})

    def listen(self) -> Listener:
        """A new listener; iterate it with ``async for`` and close it afterwards."""
        listener = Listener(self)
        self._listeners.add(listener)
        return listener

    def forget(self, listener: Listener) -> None:
        """Remove a listener; what it has not read yet is gone with it."""
        self._listeners.discard(listener)

    def close(self) -> None:
        """End every listener's iteration, so that the server can stop at once."""
        for listener in self._listeners:
            listener.hear(None)
        self._listeners.clear()
