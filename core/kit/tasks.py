"""Runs the features' scheduled tasks in threads, each in one process at a time.

APScheduler starts them; an advisory lock in the database decides which of several processes works.
Failures are shown on the health page, and the task is tried again.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Connection

from core.kit.errors import Outage, Refusal, trouble_code
from core.kit.feature import Task
from core.kit.health_item import HealthItem
from core.kit.services import Services
from core.kit.work import Work

AT_ONCE = 4
SOON_SECONDS = 15.0
"""A task that failed is tried again after this long, if its interval is longer."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)


def for_each(works: Iterable[T], act: Callable[[T], None]) -> None:
    """Call `act` for each; a failure does not stop the others. One failure is raised in the end, a
    bug rather than a Refusal or an Outage."""
    failures: list[Exception] = []
    for work in works:
        try:
            act(work)
        except Exception as failure:  # raised below
            failures.append(failure)
    if failures:
        raise min(failures, key=lambda failure: isinstance(failure, Refusal | Outage))


def act_on_each(
    services: Services,
    find: Callable[[Connection], Iterable[T]],
    act: Callable[[Work, T], object],
    *,
    before: Callable[[T], object] | None = None,
) -> None:
    """Run `act(work, one)` for each of `find(tx)`, which is a record or the id of a guild, in its
    guild and in a transaction of its own, before which `before(one)` may call a service; errors are
    raised as by `for_each`."""
    with services.database.begin() as tx:
        found = list(find(tx))

    def act_on(one: Any) -> None:
        if before is not None:
            before(one)
        with services.work_in(one if isinstance(one, int) else one.guild_id) as work:
            act(work, one)

    for_each(found, act_on)


def slices(ids: Sequence[T], most: int) -> list[Sequence[T]]:
    """In pieces that a service takes at a time."""
    return [ids[start : start + most] for start in range(0, len(ids), most)]


DELETED_AT_ONCE = 1000
"""Rows in one transaction, so that nothing waits long for a lock."""

MOST_STEPS = 500
"""In one run; the next run deletes the rest."""


def delete_in_steps(services: Services, delete_some: Callable[..., int]) -> None:
    """Call `delete_some(tx, most=...)`, which returns how many rows it deleted, until all are."""

    def step() -> int:
        with services.database.begin() as tx:
            return delete_some(tx, most=DELETED_AT_ONCE)

    total = 0
    for _ in range(MOST_STEPS):
        deleted = step()
        total += deleted
        if deleted < DELETED_AT_ONCE:
            break
    if total:
        _log.info("Old rows were deleted", rows=total)


class TaskRunner:
    """Runs every task at the start and then at its interval."""

    def __init__(self, services: Services, tasks: Iterable[Task]) -> None:
        self._services = services
        self._tasks = tuple(tasks)
        self._troubles: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(AT_ONCE)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def start(self) -> None:
        for task in self._tasks:
            self._scheduler.add_job(
                self.run_once,
                "interval",
                seconds=task.every(self._services.settings),
                next_run_time=self._services.clock(),
                args=[task],
                id=task.name,
            )
        self._scheduler.start()

    def stop(self) -> None:
        """Start nothing more; what runs is finished."""
        with self._lock:
            self._stopping = True
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def status(self) -> list[HealthItem]:
        """For the health page: one item for each failing task, or one that all are running."""
        with self._lock:
            troubles = sorted(self._troubles.items())
        if troubles:
            return [HealthItem(f"Task {name}", "warn", reason) for name, reason in troubles]
        return [HealthItem("Tasks", "ok", f"{len(self._tasks)} running on time.")]

    def run_once(self, task: Task) -> None:
        """Run it now unless another process does; never raises."""
        try:
            with self._services.database.only_one(f"task:{task.name}") as ours:
                if ours:
                    task.run(self._services)
        except Refusal as refusal:
            self._note(task, f"{refusal.what} {refusal.remedy}".strip())
        except Outage as outage:
            self._note(task, str(outage))
        except Exception:  # it has to run again after every bug
            code = trouble_code()
            _log.exception("A task raised an error", task=task.name, code=code)
            self._note(task, f"It failed; search the log for {code}.")
        else:
            self._note(task, None)

    def _note(self, task: Task, trouble: str | None) -> None:
        with self._lock:
            before = self._troubles.pop(task.name, None)
            if trouble is not None:
                self._troubles[task.name] = trouble
        if trouble is not None:
            if before != trouble:
                _log.warning("A task failed", task=task.name, reason=trouble)
            self._again_soon(task)
        elif before is not None:
            _log.info("A task works again", task=task.name)

    def _again_soon(self, task: Task) -> None:
        with self._lock:
            if self._stopping:
                # The scheduler holds its locks while it waits for us; asking it would never end.
                return
            job = self._scheduler.get_job(task.name)
            soon = self._services.clock().timestamp() + SOON_SECONDS
            if job is not None and job.next_run_time and job.next_run_time.timestamp() > soon:
                job.modify(next_run_time=datetime.fromtimestamp(soon, self._scheduler.timezone))
