"""The event log behind the page and the tests: every change of a fake is published here."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

Change = dict[str, Any]
"""``{"area": "kick.chat", ...}``: the area and details, as JSON."""

BACKLOG = 1000
"""Changes kept for a slow listener; beyond it the oldest are dropped."""


class Listener(AsyncIterator[Change]):
    """Receives every change after its creation, until it or the feed is closed."""

    def __init__(self, feed: "ChangeFeed") -> None:
        self._feed = feed
        self._changes: asyncio.Queue[Change | None] = asyncio.Queue()

    def put(self, change: Change | None) -> None:
        """Queue a change, or None for the end."""
        if self._changes.qsize() >= BACKLOG:
            self._changes.get_nowait()
        self._changes.put_nowait(change)

    async def __anext__(self) -> Change:
        change = await self._changes.get()
        if change is None:
            raise StopAsyncIteration
        return change

    def close(self) -> None:
        self._feed.forget(self)


class ChangeFeed:
    """Publishes changes to all listeners, on the sandbox's event loop only."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def publish(self, area: str, **data: object) -> None:
        """Publish a change in ``area``, such as ``kick.chat``."""
        for listener in self._listeners:
            listener.put({"area": area, **data})

    def listen(self) -> Listener:
        """A new listener; iterate it with ``async for`` and close it afterwards."""
        listener = Listener(self)
        self._listeners.add(listener)
        return listener

    def forget(self, listener: Listener) -> None:
        """Remove a listener and its unread changes."""
        self._listeners.discard(listener)

    def close(self) -> None:
        """End every listener's iteration, so that the server can stop at once."""
        for listener in self._listeners:
            listener.put(None)
        self._listeners.clear()
