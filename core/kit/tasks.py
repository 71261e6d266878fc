"""Runs the features' scheduled tasks in threads.

A lease decides which process runs them. The next run is scheduled when the previous one finishes,
so a slow task runs late but never overlaps itself. Failures and delays are shown on the health
page.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from prometheus_client import Gauge
from sqlalchemy import Connection

from core.kit.database.work import CHANGED, Work
from core.kit.errors import Outage, Refusal, trouble_code
from core.kit.health_item import HealthItem
from core.kit.runtime.leases import Leader
from core.kit.runtime.settings import Settings
from core.kit.services import Services

MAX_CONCURRENT = 8
RETRY_SECONDS = 15.0
"""Delay before a failed task is retried, if its interval is longer."""

REST_FACTOR = 5
"""Multiplies the interval after a run with nothing to do."""

SLOW_SECONDS = 60.0
"""A task that runs longer, or is later, than this is shown on the health page."""

STANDBY_SECONDS = 2.0
"""How often a standby process tries to take over."""

T = TypeVar("T")

_log = structlog.get_logger(__name__)
_ended = Gauge("task_ended", "When a task last ended well, in Unix time", ["task"])
_took = Gauge("task_took_seconds", "How long its last run took", ["task"])


def for_each(works: Iterable[T], act: Callable[[T], None]) -> None:
    """Call `act` for each; a failure does not stop the others. One of them is raised at the end,
    preferably a bug rather than a Refusal or an Outage.
    """
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
) -> bool:
    """Run `act(work, one)` for each record or guild id of `find(tx)`, in its guild and in its own
    transaction. `before(one)` runs first and may call a service. Raises like `for_each`. False if
    nothing was found.
    """
    with services.database.begin() as tx:
        found = list(find(tx))

    def act_on(item: Any) -> None:
        if before is not None:
            before(item)
        with services.work_in(item if isinstance(item, int) else item.guild_id) as work:
            act(work, item)

    for_each(found, act_on)
    return bool(found)


def slices(ids: Sequence[T], maximum: int) -> list[Sequence[T]]:
    """Split into chunks of a size that a service accepts."""
    return [ids[start : start + maximum] for start in range(0, len(ids), maximum)]


ROWS_PER_STEP = 1000
"""Rows per transaction, so that nothing waits long for a lock."""

MAX_STEPS = 500
"""Maximum transactions per run; the next run deletes the rest."""


def delete_in_steps(services: Services, delete_some: Callable[..., int]) -> None:
    """Call `delete_some(tx, maximum=...)`, which returns the number of deleted rows, until none are
    left.
    """

    def step() -> int:
        with services.database.begin() as tx:
            return delete_some(tx, maximum=ROWS_PER_STEP)

    total = 0
    for _ in range(MAX_STEPS):
        deleted = step()
        total += deleted
        if deleted < ROWS_PER_STEP:
            break
    if total:
        _log.info("Old rows were deleted", rows=total)


@dataclass(frozen=True)
class Task:
    """Scheduled work. Running it late, twice or not at all for a day must not change any result.

    Attributes:
        name: feature first, such as `watchtime.credit`.
        every: seconds between runs, taken from the settings.
        run: called in a thread. If it returns False there was nothing to do, and the next run may
            be later.
        wakes: packages whose changes end that pause.
    """

    name: str
    every: Callable[[Settings], float]
    run: Callable[[Services], object]
    wakes: tuple[str, ...] = ()


@dataclass(eq=False)
class _Scheduled:
    """A task and its times, by the monotonic clock."""

    task: Task
    every: float
    due: float = float("inf")
    began: float | None = None
    is_running: bool = False
    is_resting: bool = False
    trouble: str = ""

    def lateness(self, now: float) -> str:
        """Why the task is behind schedule; "" if it is not."""
        if self.is_running and self.began is not None and now - self.began > SLOW_SECONDS:
            return f"It has been running for {now - self.began:.0f} s."
        if not self.is_running and now - self.due > SLOW_SECONDS:
            return f"It has been due for {now - self.due:.0f} s; other tasks take too long."
        return ""


class TaskRunner:
    """Runs every task at the start and then at its interval, in one process at a time."""

    def __init__(self, services: Services, tasks: Iterable[Task]) -> None:
        self._services = services
        self._tasks = [_Scheduled(task, task.every(services.settings)) for task in tasks]
        self._leader = Leader(services.database.leases, "tasks")
        self._leads = False
        self._trouble = ""
        self._newest: tuple[str, float] | None = None
        self._condition = threading.Condition()
        self._running = 0
        self._stopping = False
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT, "tasks")
        self._thread = threading.Thread(target=self._schedule, name="tasks", daemon=True)

    def start(self) -> None:
        if not self._stopping:
            for scheduled in self._tasks:
                scheduled.due = time.monotonic()
            self._services.bus.subscribe(CHANGED, self._end_rests)
            self._thread.start()

    def stop(self) -> None:
        """Stop starting runs, and wait for the running ones to finish."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown()
        self._leader.release()

    def status(self) -> list[HealthItem]:
        """For the health page: one item for all tasks, and one for each failing task. A standby
        process reports only problems: it takes over when the leader's lease ends."""
        now = time.monotonic()
        with self._condition:
            if self._trouble:
                return [HealthItem("Tasks", "warn", self._trouble)]
            troubles = {
                scheduled.task.name: scheduled.trouble or scheduled.lateness(now)
                for scheduled in self._tasks
            }
            leads, newest = self._leads, self._newest
        bad = [
            HealthItem(f"Task {name}", "warn", why) for name, why in sorted(troubles.items()) if why
        ]
        if not leads:
            return bad
        reason = f"{len(troubles) - len(bad)} running on time."
        if newest is not None:
            reason += f" The last one, {newest[0]}, ended {now - newest[1]:.0f} s ago."
        return [*bad, HealthItem("Tasks", "ok", reason)]

    # -- when -------------------------------------------------------------------------------

    def _schedule(self) -> None:
        while True:
            with self._condition:
                if self._stopping:
                    return
                now = time.monotonic()
                free = MAX_CONCURRENT - self._running
                due = [
                    scheduled
                    for scheduled in self._tasks
                    if not scheduled.is_running and scheduled.due <= now
                ]
                if not due or not free:
                    self._condition.wait(self._until_next(now))
                    continue
            # A process whose threads are all busy does not renew, and eventually loses the lease.
            if not self._ask_to_lead():
                with self._condition:
                    self._condition.wait(STANDBY_SECONDS)
                continue
            for scheduled in sorted(due, key=lambda scheduled: scheduled.due)[:free]:
                self._begin(scheduled)
                self._pool.submit(self._perform, scheduled)

    def _until_next(self, now: float) -> float:
        waiting = [scheduled.due - now for scheduled in self._tasks if not scheduled.is_running]
        return max(min(waiting, default=STANDBY_SECONDS), 0.01)

    def _ask_to_lead(self) -> bool:
        try:
            leads, trouble = self._leader.ask(), ""
        except Outage as outage:
            leads, trouble = False, str(outage)
        with self._condition:
            self._leads, self._trouble = leads, trouble
        return leads

    def _end_rests(self, message: dict[str, Any]) -> None:
        with self._condition:
            for scheduled in self._tasks:
                if scheduled.is_resting and message["package"] in scheduled.task.wakes:
                    scheduled.is_resting, scheduled.due = (
                        False,
                        (scheduled.began or 0.0) + scheduled.every,
                    )
                    self._condition.notify_all()

    # -- what -------------------------------------------------------------------------------

    def run_once(self, task: Task) -> None:
        """Run it now unless another process is running it; never raises."""
        if self._ask_to_lead():
            scheduled = next(
                (scheduled for scheduled in self._tasks if scheduled.task is task), None
            )
            scheduled = scheduled or _Scheduled(task, task.every(self._services.settings))
            self._begin(scheduled)
            self._perform(scheduled)

    def _begin(self, scheduled: _Scheduled) -> None:
        with self._condition:
            scheduled.is_running, scheduled.is_resting, scheduled.began = (
                True,
                False,
                time.monotonic(),
            )
            self._running += 1

    def _perform(self, scheduled: _Scheduled) -> None:
        is_idle, trouble = False, ""
        try:
            is_idle = scheduled.task.run(self._services) is False
        except Refusal as refusal:
            trouble = f"{refusal.what} {refusal.remedy}".strip()
        except Outage as outage:
            trouble = str(outage)
        except Exception:  # it must run again after every bug
            code = trouble_code()
            _log.exception("Task raised an error", task=scheduled.task.name, code=code)
            trouble = f"It failed; search the log for {code}."
        self._end(scheduled, trouble, is_idle=is_idle)

    def _end(self, scheduled: _Scheduled, trouble: str, *, is_idle: bool) -> None:
        name, now = scheduled.task.name, time.monotonic()
        with self._condition:
            before, scheduled.trouble, scheduled.is_running = scheduled.trouble, trouble, False
            self._running -= 1
            # Without the bus nothing would end the pause.
            scheduled.is_resting = is_idle and self._services.bus.trouble() is None
            pause = scheduled.every * (REST_FACTOR if scheduled.is_resting else 1)
            if trouble:
                pause = min(pause, RETRY_SECONDS)
            scheduled.due = max((scheduled.began or now) + pause, now)
            if not trouble:
                self._newest = name, now
            self._condition.notify_all()
        if trouble and trouble != before:
            _log.warning("Task failed", task=name, reason=trouble)
        elif before and not trouble:
            _log.info("Task recovered", task=name)
        if not trouble:
            _ended.labels(name).set_to_current_time()
            _took.labels(name).set(now - (scheduled.began or now))
