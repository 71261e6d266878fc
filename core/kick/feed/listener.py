"""Listens to the feed of every channel, on one thread, in one of several processes.

Nothing here decides what counts: frames are written into the inbox, and that is all.
"""

import asyncio
import math
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection as SqlConnection

from core.kick import store as kick
from core.kick.accounts import store as accounts
from core.kick.feed import frames, store
from core.kick.feed.buffer import FeedBuffer
from core.kick.feed.comparison import LOOK_BACK, MOST_LINES, Compared, Comparison
from core.kick.feed.connection import SERVICE, Connection, Timing
from core.kick.feed.records import FeedState
from core.kick.feed.rules import share_out
from core.kick.feed.store import Followed
from core.kick.tasks import poll_livestreams
from core.kit.errors import Outage, Refusal
from core.kit.health_item import HealthItem
from core.kit.leader_lock import LeaderLock
from core.kit.records import PlatformUserId
from core.kit.services import Services

STOP_SECONDS = 3.0
SETTLE_SECONDS = 1.0
WRITE_SECONDS = 15.0
LIVE_KIND = "feed.live"

_log = structlog.get_logger(__name__)


class FeedListener:
    """Started and stopped with the process.

    Args:
        services: of this process.
        timing: how it reckons with time.
    """

    def __init__(self, services: Services, timing: Timing | None = None) -> None:
        self._services = services
        self._settings = services.settings
        self._timing = timing or Timing()
        self._leader_lock = LeaderLock(services.database, "kick.feed")
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_leader = False
        self._lines: list[_Line] = []
        self._followed: dict[int, Followed] = {}
        self._by_feed: dict[str, list[int]] = {}
        self._received_at: dict[int, datetime] = {}
        self._compared: dict[int, _Channel] = {}
        self._compared_at = -math.inf
        self._written: list[dict[str, object]] = []
        self._written_at = 0.0
        self._not_understood: dict[str, str] = {}
        self._trouble = ""

    # -- the thread -------------------------------------------------------------------------

    @property
    def _is_wanted(self) -> bool:
        return self._settings.use_dual_mode or self._settings.kick_use_kickpython_ws

    def start(self) -> None:
        """Start listening, unless the settings say not to."""
        if self._is_wanted:
            self._thread = threading.Thread(target=self._run, name="kick-feed", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Disconnect; what was received is stored first."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                asyncio.run(self._listen())
            except Exception:  # the thread's edge: it survives every bug
                self._trouble = "Unexpected error; see the log."
                _log.exception("The feed's listener failed")
                self._stopping.wait(self._timing.look)
        self._leader_lock.release()

    async def _listen(self) -> None:
        # Both belong to this event loop.
        self._poll_soon = asyncio.Event()
        self._buffer = FeedBuffer(self._services.database)
        helpers = [
            asyncio.create_task(self._buffer.run()),
            asyncio.create_task(self._poll_when_live()),
        ]
        try:
            while not self._stopping.is_set():
                for helper in helpers:
                    if helper.done():
                        helper.result()  # only a bug ends one: restart instead of missing frames
                await self._arrange()
                await asyncio.to_thread(self._stopping.wait, self._timing.look)
        finally:
            await self._hang_up()
            for helper in helpers:
                helper.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_SECONDS):
                    await self._buffer.empty()

    # -- who is listened to -----------------------------------------------------------------

    async def _arrange(self) -> None:
        """Bring the connections into line with the channels of today."""
        self._is_leader = await asyncio.to_thread(self._leader_lock.acquire)
        if not self._is_leader:
            await self._hang_up()
            return
        try:
            followed = await self._services.database.run(store.list_followed)
        except Outage as outage:
            self._trouble = str(outage)
            return  # keep the connections
        self._trouble = ""
        self._followed = {each.channel_id: each for each in followed}
        # Of several, where an admin typed in another channel's numbers: it takes nothing away.
        self._by_feed = {}
        for each in followed:
            for feed in each.feeds:
                self._by_feed.setdefault(feed, []).append(each.channel_id)
        await self._connect({each.channel_id: each.feeds for each in followed if each.feeds})
        await self._compare()
        await self._write_states()

    async def _connect(self, feeds: dict[int, tuple[str, ...]]) -> None:
        shares = share_out(feeds, [line.channel_ids for line in self._lines])
        for place, share in enumerate(shares):
            if place == len(self._lines):
                connection = Connection(self._settings, self._on_frame, self._timing)
                self._lines.append(_Line(connection))
            line = self._lines[place]
            line.channel_ids = share
            await line.connection.follow([feed for each in share for feed in feeds[each]])
            line.keep_up()

    async def _hang_up(self) -> None:
        tasks = [line.task for line in self._lines if line.task is not None]
        self._lines = []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS / 2)

    # -- frames -----------------------------------------------------------------------------

    def _on_frame(self, feed: str, event: str, data: object) -> None:
        channel_ids, now = self._by_feed.get(feed, ()), self._services.clock()
        self._received_at.update(dict.fromkeys(channel_ids, now))
        if frames.is_chat(event):
            self._note_chat(channel_ids, data, now)
        chat, support = self._settings.kick_use_kickpython_ws, self._settings.use_dual_mode
        if not frames.is_used(event, chat=chat, support=support):
            return
        for channel_id in channel_ids:
            try:
                delivery = frames.to_delivery(channel_id, event, data, now)
            except (ValueError, RecursionError) as error:
                self._note_unknown_frame(event, error)
                return
            self._not_understood.pop(event, None)
            self._buffer.put(delivery)
            if delivery.kind == LIVE_KIND:
                self._poll_soon.set()

    def _note_chat(self, channel_ids: Iterable[int], data: object, now: datetime) -> None:
        """Remember the line for the comparison with the webhooks'."""
        for channel_id in channel_ids:
            channel = self._compared.get(channel_id)
            if channel is None:
                continue
            with suppress(ValueError, RecursionError):  # nothing that could be compared
                line = frames.chat_line(channel_id, data, now)
                if line is not None:
                    channel.comparison.show(line)

    def _renew_comparisons(self) -> None:
        """Compare from the start over a new connection, or after another chatroom was set."""
        connections = self._connections_by_channel()
        for channel_id, followed in self._followed.items():
            connection = connections.get(channel_id)
            is_connected = connection is not None and connection.connected_over is not None
            connected_at = connection.connected_at if connection and is_connected else None
            known = self._compared.get(channel_id)
            if connected_at is None or followed.chatroom_id is None:
                self._compared.pop(channel_id, None)
            elif known is None or (known.chatroom_id, known.connected_at) != (
                followed.chatroom_id,
                connected_at,
            ):
                comparison = Comparison(self._services.clock())
                self._compared[channel_id] = _Channel(
                    followed.chatroom_id, connected_at, comparison
                )

    async def _compare(self) -> None:
        """Check regularly whether the feed and the webhooks show the same chat."""
        now = time.monotonic()
        if now - self._compared_at < self._timing.compare or not self._settings.use_dual_mode:
            return
        self._compared_at = now
        with suppress(Outage):
            await self._services.database.run(self._compare_all)

    def _compare_all(self, tx: SqlConnection) -> None:
        now, ours = self._services.clock(), kick.list_bot_ids(tx)
        for channel_id, channel in list(self._compared.items()):
            since = max(channel.comparison.since, now - LOOK_BACK)
            by_webhook = store.list_webhook_lines(tx, channel_id, since, MOST_LINES // 10)
            found = channel.found = channel.comparison.compare(by_webhook, ours, now)
            if found.confirmed_at is not None:
                accounts.set_confirmed(tx, channel_id, channel.chatroom_id, found.confirmed_at)

    def _note_unknown_frame(self, event: str, error: Exception) -> None:
        """The feed is unofficial: its frames may change any day."""
        if event not in self._not_understood:
            _log.warning(
                "A frame of the feed has another shape", event_name=event, reason=repr(error)
            )
        self._not_understood[event] = type(error).__name__

    async def _poll_when_live(self) -> None:
        """A stream begins or ends: ask Kick's API at once instead of at the next minute."""
        while True:
            await self._poll_soon.wait()
            self._poll_soon.clear()
            try:
                await asyncio.to_thread(poll_livestreams, self._services)
            except (Refusal, Outage) as expected:
                _log.info("Polling livestreams failed and is retried", reason=str(expected))
            await asyncio.sleep(SETTLE_SECONDS)

    # -- how it is --------------------------------------------------------------------------

    def status(self) -> list[HealthItem]:
        """One item for the health page. Each channel's state is in the database."""
        if not self._is_wanted:
            return [
                HealthItem(
                    SERVICE, "ok", "Off (USE_DUAL_MODE): what a webhook loses is not noticed."
                )
            ]
        if self._thread is None or not self._thread.is_alive():
            return [HealthItem(SERVICE, "warn", "It is not running.")]
        if not self._is_leader:
            return [HealthItem(SERVICE, "ok", "Another process listens.")]
        return [self._connected()]

    def _connected(self) -> HealthItem:
        if self._trouble:
            return HealthItem(SERVICE, "warn", self._trouble)
        if self._not_understood:
            names = ", ".join(sorted(self._not_understood))
            return HealthItem(SERVICE, "warn", f"Kick has changed the shape of: {names}.")
        up = sum(line.connection.connected_over is not None for line in self._lines)
        only = "" if self._settings.use_dual_mode else ", for chat only (USE_DUAL_MODE)"
        return HealthItem(SERVICE, "ok", f"{up} of {len(self._lines)} connected{only}.")

    async def _write_states(self) -> None:
        """When something has changed, and now and then: what is old is not believed."""
        self._renew_comparisons()  # whatever is said to be connected is compared
        found = list(self._states())
        unchanged = [_without_times(one) for one in found] == self._written
        now = time.monotonic()
        if unchanged and now - self._written_at < WRITE_SECONDS:
            return
        with suppress(Outage):
            await self._services.database.run(store.set_states, found)
            self._written = [_without_times(one) for one in found]
            self._written_at = now

    def _states(self) -> Iterator[FeedState]:
        by_channel, now = self._connections_by_channel(), self._services.clock()
        for channel_id, followed in self._followed.items():
            connection = by_channel.get(channel_id)
            is_ok, reason = _how_it_is(followed, connection)
            compared = self._compared.get(channel_id)
            found = compared.found if compared is not None else None
            # Of a chatroom that may be somebody else's, its lines prove nothing.
            sure = followed.is_chatroom_sure and not self._settings.kick_use_kickpython_ws
            yield FeedState(
                broadcaster_user_id=PlatformUserId(channel_id),
                is_ok=is_ok,
                reason=reason,
                transport=connection.connected_over if connection is not None else None,
                received_at=self._received_at.get(channel_id),
                chatroom_id=followed.chatroom_id,
                missing_on_feed=found.missing_on_feed if found is not None else 0,
                webhooks_missing_since=found.webhooks_missing_since if found and sure else None,
                checked_at=now,
            )

    def _connections_by_channel(self) -> dict[int, Connection]:
        return {each: line.connection for line in self._lines for each in line.channel_ids}


@dataclass(slots=True)
class _Line:
    """A connection and the channels on it."""

    connection: Connection
    channel_ids: list[int] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def keep_up(self) -> None:
        """Start it, and again if a bug has ended it."""
        if self.task is not None and self.task.done():
            _log.error("A connection to the feed ended", exc_info=self.task.exception())
            self.task = None
        self.task = self.task or asyncio.create_task(self.connection.keep_up())


@dataclass(slots=True)
class _Channel:
    """The comparison for one channel, over one connection and for one chatroom."""

    chatroom_id: int
    connected_at: float
    comparison: Comparison
    found: Compared | None = None


def _without_times(state: FeedState) -> dict[str, object]:
    times = ("received_at", "checked_at", "_sa_instance_state")
    return {name: value for name, value in vars(state).items() if name not in times}


def _how_it_is(followed: Followed, connection: Connection | None) -> tuple[bool, str]:
    if not followed.feeds:
        return False, "Not listened to: the chatroom's number is not known (/set_chatroom)."
    if connection is None or connection.connected_over is None:
        trouble = connection.trouble if connection is not None else ""
        return False, f"Not connected{f' ({trouble})' if trouble else ''}; it is tried again."
    refused = sorted(set(connection.refused()) & set(followed.feeds))
    if refused:
        return False, f"Kick refuses: {', '.join(refused)}."
    return True, f"Listening over {connection.connected_over.capitalize()}{_lacking(followed)}."


def _lacking(followed: Followed) -> str:
    if followed.chatroom_id is None:
        return ", to Kicks only: the chatroom's number is not known (/set_chatroom)"
    if followed.site_channel_id is None:
        return ", without Kicks: the channel's number is not known (/set_chatroom)"
    return ""
