"""Listens to the feed of every channel, on one thread, in one of several processes.

Nothing here decides what counts: frames are only stored in the inbox.
"""

import asyncio
import math
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection as SqlConnection

from core.inbox.listener import SETTLE_SECONDS, STOP_SECONDS, SocketListener
from core.kick.accounts import store as accounts
from core.kick.accounts.store import list_bot_ids
from core.kick.feed import frames, store
from core.kick.feed.comparison import LOOK_BACK, MAX_LINES, Comparison
from core.kick.feed.connection import SERVICE, Connection
from core.kick.feed.records import FeedState
from core.kick.feed.rules import share_out
from core.kick.feed.session import Timing
from core.kick.feed.store import Followed
from core.kick.tasks import poll_livestreams
from core.kit.database.records import PlatformUserId
from core.kit.errors import Outage, Refusal
from core.kit.health_item import STANDING_BY, HealthItem
from core.kit.services import Services

CONNECTING_SECONDS = 1.0
"""Time between two updates before a connection exists."""

WRITE_SECONDS = 15.0
LIVE_KIND = "feed.live"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Compared:
    """The comparison for one channel, over one connection and for one chatroom."""

    chatroom_id: int
    connected_at: float
    comparison: Comparison


class FeedListener(SocketListener):
    """Started and stopped with the process."""

    def __init__(self, services: Services, timing: Timing | None = None) -> None:
        self._timing = timing or Timing()
        super().__init__(services, "kick.feed", self._timing.update)
        self._settings = services.settings
        self._connections: list[Connection] = []
        self._followed: dict[int, Followed] = {}
        self._channels_of_feed: dict[str, list[int]] = {}
        self._received_at: dict[int, datetime] = {}
        self._compared: dict[int, _Compared] = {}
        self._compared_at = -math.inf
        self._written: list[dict[str, object]] = []
        self._written_at = 0.0
        self._not_understood: dict[str, str] = {}

    @property
    def _is_wanted(self) -> bool:
        return self._settings.use_dual_mode or self._settings.kick_use_kickpython_ws

    def _other_work(self) -> Sequence[Coroutine[Any, Any, None]]:
        self._poll_soon = asyncio.Event()  # belongs to this event loop
        return (self._poll_when_live(),)

    # -- connections ------------------------------------------------------------------------

    def _pause(self) -> float:
        # An admin may be watching whether it connects.
        is_connecting = self._is_leader and self._followed and not self._connections
        return min(CONNECTING_SECONDS if is_connecting else math.inf, self._update_seconds)

    async def _update(self) -> None:
        """Listen to the channels that are followed now."""
        self._is_leader = await asyncio.to_thread(self._leader.is_leader)
        if not self._is_leader:
            await self._disconnect()
            return
        try:
            followed = await self._services.database.run(store.list_followed)
        except Outage as outage:
            self._trouble = str(outage)
            return  # keep the connections
        self._trouble = ""
        self._followed = {channel.channel_id: channel for channel in followed}
        # An admin may have entered another channel's IDs: several channels can share a feed.
        self._channels_of_feed = {}
        for channel in followed:
            for feed in channel.feeds:
                self._channels_of_feed.setdefault(feed, []).append(channel.channel_id)
        feeds = {channel.channel_id: channel.feeds for channel in followed if channel.feeds}
        await self._connect(feeds)
        await self._compare()
        await self._write_states()

    async def _connect(self, feeds: dict[int, tuple[str, ...]]) -> None:
        shares = share_out(feeds, [connection.channel_ids for connection in self._connections])
        for _ in shares[len(self._connections) :]:
            self._connections.append(Connection(self._settings, self._on_frame, self._timing))
        for connection, share in zip(self._connections, shares, strict=True):
            await connection.follow({channel_id: feeds[channel_id] for channel_id in share})
            connection.start()

    async def _disconnect(self) -> None:
        cancelled = [connection.cancel() for connection in self._connections]
        self._connections = []
        if tasks := [task for task in cancelled if task is not None]:
            await asyncio.wait(tasks, timeout=STOP_SECONDS / 2)

    # -- frames -----------------------------------------------------------------------------

    def _on_frame(self, feed: str, event: str, data: object) -> None:
        channel_ids, now = self._channels_of_feed.get(feed, ()), self._services.clock()
        self._received_at.update(dict.fromkeys(channel_ids, now))
        if frames.is_chat(event):
            self._compare_line(channel_ids, data, now)
        chat, support = self._settings.kick_use_kickpython_ws, self._settings.use_dual_mode
        if not frames.is_used(event, chat=chat, support=support):
            return
        for channel_id in channel_ids:
            try:
                delivery = frames.to_delivery(channel_id, event, data, now)
            except (ValueError, RecursionError) as error:
                # The feed is unofficial: its frames may change any day.
                if event not in self._not_understood:
                    _log.warning("Unknown frame shape", event_name=event, reason=repr(error))
                self._not_understood[event] = type(error).__name__
                return
            self._not_understood.pop(event, None)
            self._buffer.put(delivery)
            if delivery.kind == LIVE_KIND:
                self._poll_soon.set()

    async def _poll_when_live(self) -> None:
        """When a stream begins or ends, poll Kick's API now instead of within the next minute."""
        while True:
            await self._poll_soon.wait()
            self._poll_soon.clear()
            try:
                await asyncio.to_thread(poll_livestreams, self._services)
            except (Refusal, Outage) as expected:
                _log.info("Polling livestreams failed", reason=str(expected))
            await asyncio.sleep(SETTLE_SECONDS)

    # -- comparison with the webhooks -------------------------------------------------------

    def _compare_line(self, channel_ids: Iterable[int], data: object, now: datetime) -> None:
        for channel_id in channel_ids:
            if compared := self._compared.get(channel_id):
                with suppress(ValueError, RecursionError):  # nothing that could be compared
                    if line := frames.chat_line(channel_id, data, now):
                        compared.comparison.add(line)

    def _renew_comparisons(self) -> None:
        """Compare from the start over a new connection, or after another chatroom was set."""
        connections = self._connections_by_channel()
        for channel_id, followed in self._followed.items():
            connection, known = connections.get(channel_id), self._compared.get(channel_id)
            connected_at = connection.connected_at if connection else None
            if connected_at is None or followed.chatroom_id is None:
                self._compared.pop(channel_id, None)
                continue
            current = followed.chatroom_id, connected_at
            if known is None or (known.chatroom_id, known.connected_at) != current:
                self._compared[channel_id] = _Compared(*current, Comparison(self._services.clock()))

    async def _compare(self) -> None:
        """Check regularly whether the feed and the webhooks show the same chat."""
        now = time.monotonic()
        if now - self._compared_at < self._timing.compare or not self._settings.use_dual_mode:
            return
        self._compared_at = now
        with suppress(Outage):
            await self._services.database.run(self._compare_all)

    def _compare_all(self, tx: SqlConnection) -> None:
        now, ours = self._services.clock(), list_bot_ids(tx)
        for channel_id, compared in list(self._compared.items()):
            comparison = compared.comparison
            since = max(comparison.since, now - LOOK_BACK)
            by_webhook = store.list_webhook_lines(tx, channel_id, since, MAX_LINES // 10)
            comparison.compare(by_webhook, ours, now)
            if comparison.confirmed_at is not None:
                accounts.set_confirmed(
                    tx, channel_id, compared.chatroom_id, comparison.confirmed_at
                )

    # -- status -----------------------------------------------------------------------------

    def status(self) -> list[HealthItem]:
        """One item for the health page. Each channel's state is in the database."""
        up = sum(connection.connected_over is not None for connection in self._connections)
        only = "" if self._settings.use_dual_mode else ", for chat only (USE_DUAL_MODE)"
        shapes = ", ".join(sorted(self._not_understood))
        if not self._is_wanted:
            reason = "Off (USE_DUAL_MODE): lost webhooks won't be noticed."
        elif not self._is_running:
            return [HealthItem(SERVICE, "warn", "It is not running.")]
        elif not self._is_leader:
            reason = STANDING_BY
        elif self._trouble:
            return [HealthItem(SERVICE, "warn", self._trouble)]
        elif shapes:
            return [HealthItem(SERVICE, "warn", f"Kick changed the format of: {shapes}.")]
        else:
            reason = f"{up} of {len(self._connections)} connected{only}."
        return [HealthItem(SERVICE, "ok", reason)]

    async def _write_states(self) -> None:
        """Store changes, and everything at intervals, because old states are ignored."""
        self._renew_comparisons()  # a channel that is shown as connected is compared
        found = list(self._states())
        times = ("received_at", "checked_at", "_sa_instance_state")
        without_times = [
            {name: value for name, value in vars(state).items() if name not in times}
            for state in found
        ]
        now = time.monotonic()
        if without_times == self._written and now - self._written_at < WRITE_SECONDS:
            return
        with suppress(Outage):
            await self._services.database.run(store.set_states, found)
            self._written, self._written_at = without_times, now

    def _states(self) -> Iterator[FeedState]:
        connections, now = self._connections_by_channel(), self._services.clock()
        for channel_id, followed in self._followed.items():
            connection = connections.get(channel_id)
            is_ok, reason = _describe(followed, connection)
            compared = self._compared.get(channel_id)
            comparison = compared.comparison if compared else None
            # Messages of a chatroom that may belong to another channel prove nothing.
            is_sure = followed.is_chatroom_sure and not self._settings.kick_use_kickpython_ws
            yield FeedState(
                broadcaster_user_id=PlatformUserId(channel_id),
                is_ok=is_ok,
                reason=reason,
                transport=connection.connected_over if connection else None,
                received_at=self._received_at.get(channel_id),
                chatroom_id=followed.chatroom_id,
                missing_on_feed=comparison.missing_on_feed if comparison else 0,
                webhooks_missing_since=(
                    comparison.webhooks_missing_since if comparison and is_sure else None
                ),
                checked_at=now,
            )

    def _connections_by_channel(self) -> dict[int, Connection]:
        return {
            channel_id: connection
            for connection in self._connections
            for channel_id in connection.channel_ids
        }


def _describe(followed: Followed, connection: Connection | None) -> tuple[bool, str]:
    """Whether a channel's feed works, and a sentence about it."""
    if not followed.feeds:
        return False, "Not connected: the chatroom ID is unknown (/set_chatroom)."
    if connection is None or connection.connected_over is None:
        trouble = f" ({connection.trouble})" if connection and connection.trouble else ""
        return False, f"Not connected{trouble}; retrying."
    refused = sorted(set(connection.refused()) & set(followed.feeds))
    if refused:
        return False, f"Kick refused: {', '.join(refused)}."
    unknown = ""
    if followed.chatroom_id is None:
        unknown = ", Kicks only: the chatroom ID is unknown (/set_chatroom)"
    elif followed.site_channel_id is None:
        unknown = ", without Kicks: the channel ID is unknown (/set_chatroom)"
    return True, f"Listening over {connection.connected_over.capitalize()}{unknown}."
