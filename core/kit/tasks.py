"""Runs the features' timed work: in threads, never twice at a time, not even in two processes.

APScheduler gives the rhythm; an advisory lock in the database decides who of several processes
works. What goes wrong is kept for the health page and tried again at the next beat.
"""

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from core.kit.errors import Outage, Refusal, trouble_code
from core.kit.feature import Task
from core.kit.health_item import HealthItem
from core.kit.services import Services

AT_ONCE = 4
SOON_SECONDS = 15.0
"""How soon a task that failed is tried again, if its own rhythm is slower."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)


def for_each(works: Iterable[T], act: Callable[[T], None]) -> None:
    """Work for one server after the other, or whatever else stands for itself. Where it fails, that
    holds up none of the others; one failure is raised once all had their turn, a bug before what
    was declined or away."""
    failures: list[Exception] = []
    for work in works:
        try:
            act(work)
        except Exception as failure:  # raised below
            failures.append(failure)
    if failures:
        raise min(failures, key=lambda failure: isinstance(failure, Refusal | Outage))


class TaskRunner:
    """Runs every task at the start and then in its rhythm.

    Args:
        services: handed to each task.
        tasks: what to run.
    """

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
        """For the health page: one line for each task in trouble, or one that all is well."""
        with self._lock:
            troubles = sorted(self._troubles.items())
        if troubles:
            return [HealthItem(f"Task {name}", "warn", reason) for name, reason in troubles]
        return [HealthItem("Tasks", "ok", f"{len(self._tasks)} running on time.")]

    def run_once(self, task: Task) -> None:
        """Run it now unless another process is at it; never raises."""
        try:
            with self._services.database.only_one(f"task:{task.name}") as ours:
                if ours:
                    task.run(self._services)
        except Refusal as refusal:
            self._note(task, f"{refusal.what} {refusal.remedy}".strip())
        except Outage as outage:
            self._note(task, str(outage))
        except Exception:  # a task's edge: its rhythm must outlive every bug
            code = trouble_code()
            _log.exception("A task failed", task=task.name, code=code)
            self._note(task, f"It failed; the log knows more under {code}.")
        else:
            self._note(task, None)

    def _note(self, task: Task, trouble: str | None) -> None:
        with self._lock:
            before = self._troubles.pop(task.name, None)
            if trouble is not None:
                self._troubles[task.name] = trouble
        if trouble is not None:
            if before != trouble:
                _log.warning("A task is in trouble", task=task.name, reason=trouble)
            self._again_soon(task)
        elif before is not None:
            _log.info("A task is well again", task=task.name)

    def _again_soon(self, task: Task) -> None:
        with self._lock:
            if self._stopping:
                # The scheduler holds its locks while it waits for us; asking it would never end.
                return
            job = self._scheduler.get_job(task.name)
            soon = self._services.clock().timestamp() + SOON_SECONDS
            if job is not None and job.next_run_time and job.next_run_time.timestamp() > soon:
                job.modify(next_run_time=datetime.fromtimestamp(soon, self._scheduler.timezone))
