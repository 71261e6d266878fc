"""Leases: one of several processes does some work for as long as it renews its lease. A lease is a
row with an expiry. Leases work through connection poolers, and expire when their holder dies or
hangs. All times are the database's.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import structlog
from sqlalchemy import Connection, text

from core.kit.errors import Outage
from core.kit.runtime.deadlines import LEASES, budget_of

T = TypeVar("T")

LEASE = timedelta(seconds=25)
"""A holder that is killed or hangs is replaced after this time; immediately on the same machine."""

RENEW_SECONDS = 8.0

PREFIX = "leader:"
"""Prefix of leases that a process holds for its lifetime."""

Run = Callable[[Callable[[Connection], Any]], Any]
"""`run(work)` runs `work(tx)`, one statement that commits by itself."""

_log = structlog.get_logger(__name__)

_TAKE = text("""
    INSERT INTO kit_leases AS l (name, holder, until)
    VALUES (:name, :holder, clock_timestamp() + CAST(:lasts AS interval))
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
     WHERE l.holder = excluded.holder OR l.until < clock_timestamp() OR l.holder = :dead
    RETURNING 1
""")

_RENEW = text("""
    UPDATE kit_leases SET until = clock_timestamp() + CAST(:lasts AS interval)
     WHERE name = :name AND holder = :holder
""")

_HOLDER = text("SELECT holder FROM kit_leases WHERE name = :name")

_RELEASE = text("DELETE FROM kit_leases WHERE name = :name AND holder = :holder")


def _machine() -> str:
    """Identifies this boot of this machine, and this container, in which process ids are unique."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return "|".join(parts)


def is_dead(holder: str) -> bool:
    """Whether this holder was a process of this machine and has ended."""
    machine, _space, process = holder.rpartition(" ")
    pid = process.split(".", 1)[0]
    if machine != _machine() or not pid.isdecimal() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    with suppress(OSError):  # a killed process keeps its id until its parent reaps it
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return False


def _renew(given: dict[str, Any], tx: Connection) -> None:
    tx.execute(_RENEW, given)


class Leases:
    """The leases of this process. Thread-safe."""

    def __init__(self, run: Run) -> None:
        self._run_single = run
        self._blocks: dict[str, str] = {}
        self._guard = threading.Lock()
        self._renewer: threading.Thread | None = None

    def _run(self, work: Callable[[Connection], T]) -> T:
        """Uses separate connections, so that busy ones do not cause lost leases."""
        with budget_of(LEASES):
            return cast("T", self._run_single(work))

    def take(self, name: str, holder: str) -> bool:
        """Take or renew it; False if another process holds it. Raises Outage."""
        given = {"name": name, "holder": holder, "lasts": LEASE, "dead": None}
        if self._run(lambda tx: tx.execute(_TAKE, given).first()) is not None:
            return True
        found = self._run(lambda tx: tx.execute(_HOLDER, {"name": name}).scalar())
        if found is None or not is_dead(found):
            return False
        given["dead"] = found
        return self._run(lambda tx: tx.execute(_TAKE, given).first()) is not None

    def release(self, name: str, holder: str) -> None:
        """Release it. If the database is down, it expires."""
        with suppress(Outage):
            self._run(lambda tx: tx.execute(_RELEASE, {"name": name, "holder": holder}))

    @contextmanager
    def held(self, name: str) -> Iterator[bool]:
        """Whether no other block with this name is running, in any process. The lease is renewed
        while the block runs, which may make network calls. Raises Outage.
        """
        holder = new_holder_id()
        ours = self.take(name, holder)
        if not ours:
            yield False
            return
        with self._guard:
            self._blocks[holder] = name
            if self._renewer is None:
                self._renewer = threading.Thread(target=self._renew, name="leases", daemon=True)
                self._renewer.start()
        try:
            yield True
        finally:
            with self._guard:
                del self._blocks[holder]
            self.release(name, holder)

    def _renew(self) -> None:
        """Runs until no lease is held."""
        while True:
            time.sleep(RENEW_SECONDS)
            with self._guard:
                blocks = self._blocks.copy()
                if not blocks:
                    self._renewer = None
                    return
            for holder, name in blocks.items():
                given = {"name": name, "holder": holder, "lasts": LEASE}
                try:
                    self._run(partial(_renew, given))
                except Outage as outage:
                    _log.info("Renewing a lease failed", name=name, reason=outage.reason)


def new_holder_id() -> str:
    """A unique holder id."""
    return f"{_machine()} {os.getpid()}.{secrets.token_hex(4)}"


def holder_words(holder: str) -> str:
    """The holder's machine and process id."""
    return f"{holder.split('|', 1)[0]}:{holder.rpartition(' ')[2].split('.')[0]}"


class Leader:
    """Whether this process is the leader. Thread-safe. The leader renews every few seconds; if it
    hangs, it loses the lease.

    Args:
        name: the lease's name, the same in all processes.
    """

    def __init__(self, leases: Leases, name: str) -> None:
        self._leases = leases
        self._name = PREFIX + name
        self._holder = new_holder_id()
        self._leads = False
        self._renewed_at = float("-inf")
        self._lock = threading.Lock()

    def ask(self) -> bool:
        """Take or renew the lease. Raises Outage."""
        with self._lock:
            now = time.monotonic()
            if not self._leads or now - self._renewed_at > RENEW_SECONDS:
                self._leads = self._leases.take(self._name, self._holder)
                self._renewed_at = now
            return self._leads

    def is_leader(self) -> bool:
        """Like `ask`, but while the database is down the leader stays the same."""
        with suppress(Outage):
            self.ask()
        return self._leads

    def release(self) -> None:
        """Let another process take the lease. Does nothing without the lease."""
        with self._lock:
            if self._leads:
                self._leads = False
                self._leases.release(self._name, self._holder)
