"""Budgets of database connections, and timeouts of all waits for PostgreSQL.

Each group of threads has its own connections, so that none can starve another. libpq waits forever
for a server that is frozen or unreachable: TCP still acknowledges, and the server's own timeouts
need a working server. So a watchdog thread shuts down the socket of a statement past its deadline,
which then fails like any lost connection.
"""

import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg2
import structlog
from psycopg2 import extensions

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Budget:
    """The database connections of a group of threads.

    Attributes:
        connections: maximum number per process.
        wait: maximum seconds to wait for a free connection.
        statement: maximum seconds per statement.
    """

    name: str
    connections: int
    wait: float
    statement: float


INTAKE = Budget("webhooks", 5, wait=1.0, statement=3.0)
"""A webhook is answered within five seconds."""
WORKER = Budget("the inbox worker", 3, wait=5.0, statement=30.0)
BOT = Budget("commands", 10, wait=2.0, statement=6.0)
"""A command is answered within ten seconds."""
SENDER = Budget("the outbox sender", 4, wait=2.0, statement=6.0)
PAGES = Budget("the dashboard", 8, wait=2.0, statement=6.0)
OVERLAYS = Budget("overlays", 4, wait=2.0, statement=6.0)
PUBLIC = Budget("public pages", 4, wait=1.5, statement=4.0)
"""Pages for people who are not logged in."""
HEALTH = Budget("health reports", 2, wait=1.0, statement=3.0)
LEASES = Budget("leases", 2, wait=2.0, statement=3.0)
BACKGROUND = Budget("background work", 12, wait=5.0, statement=60.0)
"""Scheduled tasks and listeners; the default."""
START = Budget("the start", 2, wait=5.0, statement=900.0)
"""Upgrading the schema."""

BUDGETS = (INTAKE, WORKER, BOT, SENDER, PAGES, OVERLAYS, PUBLIC, HEALTH, LEASES, BACKGROUND, START)

_budget: ContextVar[Budget] = ContextVar("budget", default=BACKGROUND)

current_budget = _budget.get
"""The budget of this thread or task; tasks and `asyncio.to_thread` inherit it."""


def use_budget(budget: Budget) -> None:
    """Use this budget in the rest of this thread or task."""
    _budget.set(budget)


@contextmanager
def budget_of(budget: Budget) -> Iterator[None]:
    """Use this budget in a block, and in tasks created in it."""
    before = _budget.set(budget)
    try:
        yield
    finally:
        _budget.reset(before)


class NoAnswerInTime(psycopg2.OperationalError):
    """A statement was past its deadline, and its connection was cut."""


CHECK_SECONDS = 0.2
"""How often deadlines are checked."""

PING_SECONDS = 1.0


class Cuttable(Protocol):
    """A wait for another computer that another thread can end."""

    def cut(self) -> None: ...


class _Watchdog:
    """Cuts connections past their deadline."""

    def __init__(self) -> None:
        self.busy: dict[Cuttable, float] = {}
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = 0

    def watch(self) -> None:
        """Start watching, also after a fork."""
        with self._guard:
            if self._thread is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(CHECK_SECONDS)
            now = time.monotonic()
            for connection, deadline in self.busy.copy().items():
                if deadline <= now and self.busy.get(connection) == deadline:
                    connection.cut()


_watchdog = _Watchdog()
_busy = _watchdog.busy


@contextmanager
def ended_after(seconds: float, waiting: Cuttable) -> Iterator[None]:
    """Cut it if the block takes longer."""
    _watchdog.watch()
    _busy[waiting] = time.monotonic() + seconds
    try:
        yield
    finally:
        del _busy[waiting]


class _BoundedCursor(extensions.cursor):
    connection: "BoundedConnection"

    def execute(self, query: Any, vars: Any = None) -> None:
        with self.connection.bounded():
            super().execute(query, vars)

    def executemany(self, query: Any, vars_list: Any) -> None:
        with self.connection.bounded():
            super().executemany(query, vars_list)


class BoundedConnection(extensions.connection):
    """A connection with bounded waits; psycopg2's `connection_factory`."""

    def __init__(self, dsn: str, **options: Any) -> None:
        super().__init__(dsn, **options)
        self.cursor_factory = _BoundedCursor
        self.is_cut = False
        _watchdog.watch()

    def commit(self) -> None:
        with self.bounded():
            super().commit()

    def rollback(self) -> None:
        with self.bounded():
            super().rollback()

    def bounded(self) -> "_Bounded":
        """Context manager around every wait for the server."""
        return _Bounded(self, _budget.get().statement)

    def ping(self) -> None:
        """Raises psycopg2.Error if the server does not respond soon."""
        autocommit, self.autocommit = self.autocommit, True
        with _Bounded(self, PING_SECONDS), self.cursor(cursor_factory=extensions.cursor) as cursor:
            cursor.execute("SELECT 1")
        self.autocommit = autocommit

    def has_news(self) -> bool:
        """Whether data has arrived on an idle connection, most likely because it was closed."""
        try:
            poller = select.poll()
            poller.register(self.fileno(), select.POLLIN)
            return bool(poller.poll(0))
        except (OSError, psycopg2.Error):
            return True

    def cut(self) -> None:
        """End what waits for this connection's server."""
        if self.is_cut:
            return
        with suppress(OSError, psycopg2.Error):
            with socket.socket(fileno=os.dup(self.fileno())) as shared:
                self.is_cut = True
                shared.shutdown(socket.SHUT_RDWR)
            _log.warning("Statement exceeded its deadline, its connection was closed")


class _Bounded:
    """A context manager as a class, because it runs for every statement."""

    __slots__ = ("_connection", "_seconds")

    def __init__(self, connection: BoundedConnection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds

    def __enter__(self) -> None:
        _busy[self._connection] = time.monotonic() + self._seconds

    def __exit__(self, _kind: Any, error: BaseException | None, _tb: Any) -> None:
        del _busy[self._connection]
        if isinstance(error, psycopg2.Error) and self._connection.is_cut:
            raise NoAnswerInTime("no answer in time") from None
