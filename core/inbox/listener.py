"""Base of listeners on a service's sockets: one thread with an event loop, in one of several
processes, which stores what it receives in the inbox."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

import structlog

from core.inbox.buffer import InboxBuffer
from core.kit.runtime.leases import Leader
from core.kit.services import Services

STOP_SECONDS = 3.0
SETTLE_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class SocketListener(ABC):
    """Base of listeners. A subclass defines what to connect to. It starts and stops with the
    process.

    Args:
        name: name of the thread, and of the lease that lets one process listen.
        update_seconds: between two updates, at most.
    """

    def __init__(self, services: Services, name: str, update_seconds: float) -> None:
        self._services = services
        self._name = name
        self._update_seconds = update_seconds
        self._leader = Leader(services.database.leases, name)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_leader = False
        self._trouble = ""

    # -- for subclasses ---------------------------------------------------------------

    @property
    @abstractmethod
    def _is_wanted(self) -> bool:
        """Whether it is enabled in the settings."""

    def _other_work(self) -> Sequence[Coroutine[Any, Any, None]]:
        """Other coroutines on the event loop."""
        return ()

    @abstractmethod
    async def _update(self) -> None:
        """Connect to what there is now, or to nothing if another process listens."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """End every connection."""

    def _pause(self) -> float:
        """Seconds until the next update."""
        return self._update_seconds

    # -- the thread -------------------------------------------------------------------------

    @property
    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start listening, unless the settings say not to."""
        if self._is_wanted:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
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
            except Exception:  # the thread must survive every bug
                self._trouble = "Unexpected error; see the log."
                _log.exception("A listener failed", name=self._name)
                self._stopping.wait(self._update_seconds)
        self._leader.release()

    async def _listen(self) -> None:
        # Created here, because it belongs to this event loop.
        self._buffer = InboxBuffer(self._services.database)
        tasks = [asyncio.create_task(work) for work in (self._buffer.run(), *self._other_work())]
        try:
            while not self._stopping.is_set():
                for task in tasks:
                    if task.done():
                        task.result()  # only a bug ends a task: restart instead of missing events
                await self._update()
                await asyncio.to_thread(self._stopping.wait, self._pause())
        finally:
            await self._disconnect()
            for task in tasks:
                task.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_SECONDS):
                    await self._buffer.empty()
