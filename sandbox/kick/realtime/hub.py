"""Feeds (facts, section 7.5), their listeners and the event log."""

import asyncio
import re
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from sandbox.change_feed import ChangeFeed
from sandbox.faults import Faults
from sandbox.kick.ids import millis, now
from sandbox.kick.models import Channel

EVENTS_KEPT = 20_000
PUBLIC_FEED = re.compile(r"chatrooms\.\d+(\.v2)?|chatroom_\d+|channel[._]\d+")


@dataclass(frozen=True)
class FeedEvent:
    """One event on one feed; ``data`` is any JSON value."""

    feed: str
    name: str
    data: Any


def is_public(feed: str) -> bool:
    """Guests may subscribe; ``private-...`` feeds need a session. Unknown numbers are accepted
    (guess)."""
    return PUBLIC_FEED.fullmatch(feed) is not None


def chat_feed(channel: Channel) -> str:
    """Chat, deletions, bans, subscriptions, hosts that arrive."""
    return f"chatrooms.{channel.chatroom_id}.v2"


def old_chat_feed(channel: Channel) -> str:
    """Hosts, a second time."""
    return f"chatrooms.{channel.chatroom_id}"


def chatroom_feed(channel: Channel) -> str:
    """Gifted subscriptions, redemptions, notices."""
    return f"chatroom_{channel.chatroom_id}"


def stream_feed(channel: Channel) -> str:
    """Start and end of streams."""
    return f"channel.{channel.channel_id}"


def channel_feed(channel: Channel) -> str:
    """Kicks, leaderboards, and the related events of subscriptions."""
    return f"channel_{channel.channel_id}"


class Listener(Protocol):
    """A client's connection over one of the transports."""

    id: str
    transport: str
    since: str
    feeds: set[str]

    def send_event(self, event: FeedEvent) -> None:
        """Send an event of a subscribed feed."""

    def unsubscribe(self, feed: str, code: int) -> None:
        """End a subscription, if the transport supports it."""

    def close(self, code: int, reason: str) -> None:
        """Close with a code."""

    def abort(self) -> None:
        """Drop the connection without a close frame."""


@dataclass(frozen=True)
class LogEntry:
    """An entry of the event log: ``fate`` is ``sent``, ``dropped`` or ``silent``, ``heard`` the
    number of receivers."""

    at: str
    feed: str
    name: str
    data: Any
    fate: str
    heard: int


@dataclass
class _Delayed:
    event: FeedEvent
    at: float = field(default_factory=time.monotonic)


class Hub:
    """Sends events to the listeners, with the faults applied."""

    def __init__(self, changes: ChangeFeed, faults: Faults) -> None:
        self.listeners: dict[str, Listener] = {}
        self.log: deque[LogEntry] = deque(maxlen=EVENTS_KEPT)
        self._changes = changes
        self._faults = faults
        self._late: deque[_Delayed] = deque()
        self._pump: asyncio.Task[None] | None = None

    def join(self, listener: Listener) -> None:
        self.listeners[listener.id] = listener
        self.changed()

    def leave(self, listener: Listener) -> None:
        self.listeners.pop(listener.id, None)
        self.changed()

    def changed(self) -> None:
        """Publish that a listener or a subscription changed."""
        self._changes.publish("kick.feed_listener", count=len(self.listeners))

    def publish(self, events: Iterable[FeedEvent]) -> None:
        """Send events in this order to the subscribers of their feeds."""
        for event in events:
            if self._is_dropped(event):
                self._record(event, "dropped", 0)
                continue
            times = 2 if self._faults.take("kick.feed.duplicate") else 1
            for _ in range(times):
                self._send(event)

    def _is_dropped(self, event: FeedEvent) -> bool:
        chosen = str(self._faults.get("kick.feed.drop_only")) in event.name
        return chosen and self._faults.take("kick.feed.drop")

    def _send(self, event: FeedEvent) -> None:
        delay = self._faults.number("kick.feed.delay_ms") / 1000
        if delay <= 0 and not self._late:
            self._send_now(event)
            return
        self._late.append(_Delayed(event, time.monotonic() + delay))
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._send_late())

    async def _send_late(self) -> None:
        """One after the other, so that a shorter delay does not change the order."""
        while self._late:
            await asyncio.sleep(max(0.0, self._late[0].at - time.monotonic()))
            self._send_now(self._late.popleft().event)

    def _send_now(self, event: FeedEvent) -> None:
        if self._faults.flag("kick.feed.silent"):
            self._record(event, "silent", 0)
            return
        subscribed = [each for each in self.listeners.values() if event.feed in each.feeds]
        for listener in subscribed:
            listener.send_event(event)
        self._record(event, "sent", len(subscribed))

    def _record(self, event: FeedEvent, fate: str, heard: int) -> None:
        entry = LogEntry(millis(now()), event.feed, event.name, event.data, fate, heard)
        self.log.append(entry)
        self._changes.publish("kick.feed", **{**asdict(entry), "data": None})

    async def close(self) -> None:
        """Drop all connections at shutdown."""
        self._late.clear()
        if self._pump is not None:
            self._pump.cancel()
        for listener in list(self.listeners.values()):
            listener.abort()

    def snapshot(self) -> dict[str, Any]:
        """``{listeners: [{id, transport, since, feeds}], fates: {sent, dropped, silent}}``."""
        listeners = [
            {"id": e.id, "transport": e.transport, "since": e.since, "feeds": sorted(e.feeds)}
            for e in self.listeners.values()
        ]
        fates = Counter(each.fate for each in self.log)
        return {"listeners": listeners, "fates": dict(fates)}
