"""Runs `GuildSync` for every server that has something due."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from core.kit.errors import Outage, Refusal, backoff, trouble_code
from core.kit.health_item import HealthItem
from core.kit.services import Services
from core.vips import actions, store, troubles
from core.vips.sync import GuildSync

IDLE_SECONDS = 2.0
"""Seconds between two polls, if nothing wakes the runner."""

QUIET_SECONDS = 60.0
QUIET_FACTOR = 3
"""After this long without anything due, it polls this many times less often."""

MAX_CONCURRENT = 4
"""Servers synced at the same time."""

_log = structlog.get_logger(__name__)


class VipRunner:
    """Syncs several servers at a time, each in one process at a time."""

    def __init__(self, services: Services, idle: float = IDLE_SECONDS) -> None:
        self._services = services
        self._idle = idle
        self._wakeup = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT, thread_name_prefix="vips")
        self._pauses: dict[int, tuple[int, datetime]] = {}
        self._seen: set[int] = set()
        self._lock = threading.Lock()
        self._busy: set[int] = set()
        self._due_again: set[int] = set()
        self._worked_at = time.monotonic()

    def start(self) -> None:
        self._services.bus.subscribe(actions.TOPIC, lambda _message: self._wakeup.set())
        self._thread = threading.Thread(target=self._run, name="vips", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wakeup.set()
        if self._thread is not None:
            self._thread.join(timeout=15)
        self._pool.shutdown(wait=False)

    def status(self) -> list[HealthItem]:
        return []  # see `feature.check_health`

    def _run(self) -> None:
        while not self._stopping:
            try:
                for guild_id in self.list_due():
                    self._worked_at = time.monotonic()
                    self._submit(guild_id)
            except Outage as outage:
                _log.warning("VIP runner failed", reason=str(outage))
            except Exception:  # a bug must not end the thread
                _log.exception("VIP runner failed", code=trouble_code())
            if self._wakeup.wait(self.pause()):
                self._worked_at = time.monotonic()
            self._wakeup.clear()

    def pause(self) -> float:
        """Seconds until the next poll, if nothing wakes it."""
        is_quiet = time.monotonic() - self._worked_at > QUIET_SECONDS
        return self._idle * (QUIET_FACTOR if is_quiet else 1)

    def _submit(self, guild_id: int) -> None:
        """Sync a server. A running sync does not delay other servers, and is repeated when it ends:
        something may have become due too late for it."""
        with self._lock:
            if guild_id in self._busy:
                self._due_again.add(guild_id)
                return
            self._busy.add(guild_id)
        self._pool.submit(self._work, guild_id)

    def _work(self, guild_id: int) -> None:
        try:
            self.work_for(guild_id)
        finally:
            with self._lock:
                self._busy.discard(guild_id)
                if guild_id in self._due_again:
                    self._due_again.discard(guild_id)
                    self._wakeup.set()

    def list_due(self) -> Sequence[int]:
        """The servers that have something due."""
        with self._services.database.begin() as tx:
            return store.list_due_guilds(tx, self._services.clock(), self._seen)

    def work_for(self, guild_id: int) -> None:
        """Sync a server; never raises."""
        failures, until = self._pauses.get(guild_id, (0, None))
        if until is not None and self._services.clock() < until:
            return
        try:
            with self._services.database.only_one(f"vips:{guild_id}") as ours:
                if not ours:
                    return
                if guild_id not in self._seen:
                    # Events may have been missed before this process started.
                    with self._services.work_in(guild_id) as work:
                        actions.request_refresh(work, vips=True, rewards=True, redemptions=True)
                    self._seen.add(guild_id)
                GuildSync(self._services, guild_id).run()
        except Outage as outage:
            wait = max(backoff(failures + 1), timedelta(seconds=outage.retry_after or 0))
            self._pauses[guild_id] = (failures + 1, self._services.clock() + wait)
            _log.warning("VIP sync failed", reason=str(outage), guild_id=guild_id)
            return
        except Refusal as refusal:
            self._pauses[guild_id] = (1, self._services.clock() + timedelta(seconds=30))
            self._show(guild_id, troubles.say(refusal))
        except Exception:
            code = trouble_code()
            _log.exception("VIP sync failed", code=code, guild_id=guild_id)
            self._pauses[guild_id] = (1, self._services.clock() + timedelta(seconds=30))
            self._show(guild_id, f"VIP sync failed; search the log for {code}.")
        else:
            self._pauses.pop(guild_id, None)

    def _show(self, guild_id: int, trouble: str) -> None:
        with suppress(Outage), self._services.work_in(guild_id) as work:
            troubles.show(work, trouble)
