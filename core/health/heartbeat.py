"""The heartbeat of a process: stores the status of its components every few seconds."""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, delete, insert

from core.drand.client import client_of as drand_of
from core.health.records import Heartbeat
from core.health.rules import compare_clocks, worst_of_each_name
from core.kick.client import client_of as kick_of
from core.kit.database.lease_records import Lease
from core.kit.errors import Outage
from core.kit.health_item import HealthItem, State
from core.kit.runtime.deadlines import HEALTH, use_budget
from core.kit.runtime.leases import new_holder_id
from core.kit.services import Services
from core.twitch.client import client_of as twitch_of

HEARTBEAT_SECONDS = 5.0

CHECK_SECONDS = 0.25
"""How often the status is compared with the last one: a change is stored at once."""

RETRY_SECONDS = 1.0
"""Pause after a heartbeat that could not be stored."""

KEEP = timedelta(minutes=10)
"""How long a process that stopped reporting is still shown."""

KEEP_LEASES = timedelta(days=1)
"""Like `KEEP`, for work that no process does anymore."""

_log = structlog.get_logger(__name__)


class HeartbeatThread:
    """Stores `status()` on its own thread until stopped."""

    def __init__(self, services: Services, status: Callable[[], list[HealthItem]]) -> None:
        self._services = services
        self._status = status
        self._process = new_holder_id()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=3)
        try:
            with self._services.database.begin() as tx:
                set_heartbeats(tx, self._process, (), self._services.clock())
        except Outage:
            _log.info("Deleting the heartbeat failed: the database is down")

    def _run(self) -> None:
        use_budget(HEALTH)
        stored: list[tuple[str, State]] = []
        due = time.monotonic()
        wait = CHECK_SECONDS
        while not self._stopping.wait(wait):
            wait = CHECK_SECONDS
            try:
                parts = self._status()
                states = [(part.name, part.state) for part in parts]
                if states == stored and time.monotonic() < due:
                    continue
                with self._services.database.begin() as tx:
                    set_heartbeats(tx, self._process, parts, self._services.clock())
                stored, due = states, time.monotonic() + HEARTBEAT_SECONDS
            except Outage as outage:
                wait = RETRY_SECONDS
                _log.debug("Storing the heartbeat failed", reason=outage.reason)
            except Exception:  # a bug of a component must not end the thread
                wait = RETRY_SECONDS
                _log.exception("Heartbeat failed")


def set_heartbeats(
    tx: Connection, process: str, parts: Iterable[HealthItem], now: datetime
) -> None:
    """Replace what this process reported before."""
    tx.execute(delete(Heartbeat).where(Heartbeat.process == process))
    rows = [
        {"process": process, "part": p.name, "state": p.state, "reason": p.reason, "at": now}
        for p in worst_of_each_name(parts)
    ]
    if rows:
        tx.execute(insert(Heartbeat), rows)
    tx.execute(delete(Heartbeat).where(Heartbeat.at < now - KEEP))
    tx.execute(delete(Lease).where(Lease.until < now - KEEP_LEASES))


def clock_status(services: Services) -> HealthItem:
    """Compare this computer's clock with the Date headers of the latest responses."""
    clocks = {
        "Kick": kick_of(services.settings).time.now(),
        "Twitch": twitch_of(services.settings).time.now(),
        "drand": drand_of(services.settings).time.now(),
    }
    known = {who: at for who, at in clocks.items() if at is not None}
    return compare_clocks(services.clock(), known)
