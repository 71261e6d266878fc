"""The heart of a process: writes down every few seconds how its parts are."""

import os
import socket
import threading
from collections.abc import Callable

import structlog

from core.health import store
from core.kit.errors import Outage
from core.kit.part import Part
from core.kit.services import Services

BEAT_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Heart:
    """Beats until stopped.

    Args:
        services: for the database and the clock.
        feel: tells how the parts of this process are, right now.
    """

    def __init__(self, services: Services, feel: Callable[[], list[Part]]) -> None:
        self._services = services
        self._feel = feel
        self._process = f"{socket.gethostname()}:{os.getpid()}"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=3)
        try:
            with self._services.database.begin() as tx:
                store.end_beats(tx, self._process)
        except Outage:
            _log.info("The database is away; the last heartbeat stays behind")

    def _run(self) -> None:
        wait = 0.5  # the first beats come quickly: somebody may be waiting for the start
        while not self._stopping.wait(wait):
            wait = BEAT_SECONDS if wait >= 2 else wait * 2
            try:
                with self._services.database.begin() as tx:
                    parts = self._feel()
                    store.set_beats(tx, self._process, parts, self._services.clock())
            except Outage as outage:
                _log.debug("A heartbeat could not be written", reason=outage.reason)
            except Exception:  # the heart must outlive every bug of the parts it feels
                _log.exception("A heartbeat failed")
