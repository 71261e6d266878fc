"""The heartbeat of a process: stores the status of its components every few seconds."""

import os
import socket
import threading
from collections.abc import Callable

import structlog

from core.health import store
from core.kit.errors import Outage
from core.kit.health_item import HealthItem
from core.kit.services import Services

HEARTBEAT_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class HeartbeatThread:
    """Stores `status()` on a thread of its own until stopped."""

    def __init__(self, services: Services, status: Callable[[], list[HealthItem]]) -> None:
        self._services = services
        self._status = status
        self._process = f"{socket.gethostname()}:{os.getpid()}"
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
                store.delete_heartbeats(tx, self._process)
        except Outage:
            _log.info("The last heartbeat could not be deleted: the database is down")

    def _run(self) -> None:
        wait = 0.5  # the first ones come quickly: somebody may be waiting for the start
        while not self._stopping.wait(wait):
            wait = HEARTBEAT_SECONDS if wait >= 2 else wait * 2
            try:
                with self._services.database.begin() as tx:
                    parts = self._status()
                    store.set_heartbeats(tx, self._process, parts, self._services.clock())
            except Outage as outage:
                _log.debug("A heartbeat could not be written", reason=outage.reason)
            except Exception:  # must survive every bug of the components
                _log.exception("A heartbeat failed")
