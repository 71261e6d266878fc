"""Scheduled tasks: they keep running after every failure, and never in two processes at once."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import pytest

from core.kit import tasks
from core.kit.database.connection import Database
from core.kit.errors import Outage, Refusal
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.tasks import Task, TaskRunner, for_each
from tests.patience import PATIENCE, until


@pytest.fixture
def services(database: Database) -> Services:
    return Services(Settings(_env_file=None), database, LocalBus())


class Work:
    """A task that counts its runs and fails on demand."""

    def __init__(self, name: str = "feature.work", every: float = 3600) -> None:
        self.task = Task(name, lambda _settings: every, self.run)
        self.runs = 0
        self.at_once = 0
        self.most_at_once = 0
        self.fails_with: Exception | None = None
        self.lasts = 0.0
        self.may_end = threading.Event()
        self.may_end.set()
        self._lock = threading.Lock()

    def run(self, _services: Services) -> None:
        with self._lock:
            self.runs += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.lasts)
        assert self.may_end.wait(PATIENCE)
        with self._lock:
            self.at_once -= 1
        if self.fails_with is not None:
            raise self.fails_with


@pytest.fixture
def work() -> Work:
    return Work()


Runners = Callable[..., TaskRunner]


@pytest.fixture
def runner(services: Services) -> Iterator[Runners]:
    made: list[TaskRunner] = []

    def make(*works: Work) -> TaskRunner:
        made.append(TaskRunner(services, [work.task for work in works]))
        return made[-1]

    yield make
    for made_runner in made:
        made_runner.stop()


def test_every_task_runs_at_start_and_at_its_interval(runner: Runners) -> None:
    quick, slow = Work("feature.quick", every=0.05), Work("feature.slow")
    runner(quick, slow).start()
    until(lambda: quick.runs >= 3 and slow.runs)
    assert slow.runs == 1


def test_interval_comes_from_the_settings(services: Services) -> None:
    seen: list[Settings] = []

    def every(settings: Settings) -> float:
        seen.append(settings)
        return 60

    task_runner = TaskRunner(services, [Task("feature.work", every, lambda _services: None)])
    task_runner.start()
    task_runner.stop()
    assert seen == [services.settings]


def test_task_receives_the_services(services: Services) -> None:
    handed: list[Services] = []
    task_runner = TaskRunner(services, [])
    task_runner.run_once(Task("feature.work", lambda _settings: 60, handed.append))
    task_runner.stop()
    assert handed == [services]


def test_one_process_runs_the_tasks_and_another_takes_over(
    runner: Runners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "STANDBY_SECONDS", 0.01)
    work = Work(every=0.01)
    work.lasts = 0.02
    first, second = runner(work), runner(work)
    first.start()
    until(lambda: work.runs >= 3)
    second.start()
    until(lambda: work.runs >= 10)
    assert second.status() == []  # standing by is no success
    first.stop()
    until(lambda: second.status() and "ended" in second.status()[0].reason, "another leader")
    assert work.most_at_once == 1


def test_slow_task_is_shown_and_neither_doubled_nor_warned_about(
    runner: Runners, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tasks, "SLOW_SECONDS", 0.05)
    slow, quick = Work("feature.slow", every=0.01), Work("feature.quick", every=0.01)
    slow.may_end.clear()
    task_runner = runner(slow, quick)
    task_runner.start()
    until(lambda: any("running for" in part.reason for part in task_runner.status()))
    runs = quick.runs
    until(lambda: quick.runs > runs + 2, "others go on")
    slow.may_end.set()
    until(lambda: slow.runs >= 3)
    assert slow.most_at_once == 1
    assert caplog.records == []


def test_tasks_that_wait_for_a_thread_are_shown(
    runner: Runners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "SLOW_SECONDS", 0.05)
    hanging = [Work(f"feature.{n}", every=60) for n in range(tasks.MAX_CONCURRENT)]
    for each in hanging:
        each.may_end.clear()
    late = Work("feature.late", every=0.01)
    task_runner = runner(*hanging, late)
    task_runner.start()
    until(
        lambda: any("It has been due for" in part.reason for part in task_runner.status()),
        "a late task",
    )
    for each in hanging:
        each.may_end.set()
    until(lambda: [part.state for part in task_runner.status()] == ["ok"])


def test_idle_task_rests_until_its_package_changes(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "REST_FACTOR", 1_000_000)
    runs: list[int] = []

    def run(_services: Services) -> bool:
        runs.append(len(runs))
        return False

    task = Task("feature.work", lambda _settings: 0.01, run, ("feature",))
    task_runner = TaskRunner(services, [task])
    task_runner.start()
    until(lambda: runs, "the first run")
    for count in (2, 3):
        until(lambda: task_runner._tasks[0].is_resting, "a rest")
        services.bus.publish("changed", guild_id="1", package="another")
        assert task_runner._tasks[0].is_resting
        services.bus.publish("changed", guild_id="1", package="feature")
        until(partial(lambda count: len(runs) == count, count), "another run")
    task_runner.stop()


def test_different_tasks_run_concurrently(runner: Runners) -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE)
    met: list[int] = []

    def meet(_services: Services) -> None:
        met.append(meeting.wait())

    both = [
        cast(Work, type("W", (), {"task": Task(f"feature.{n}", lambda _s: 60, meet)})) for n in "ab"
    ]
    runner(*both).start()
    until(lambda: len(met) == 2)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Outage("Kick", "HTTP 503"), "Kick is not answering: HTTP 503"),
        (Refusal("No channel is set."), "No channel is set."),
        (ZeroDivisionError("division by zero"), "It failed; search the log for RG-"),
    ],
)
def test_failed_task_is_reported_until_it_succeeds(
    error: Exception, said: str, work: Work, runner: Runners
) -> None:
    task_runner = runner(work)
    work.fails_with = error
    task_runner.run_once(work.task)
    part, all_of_them = task_runner.status()
    assert (all_of_them.name, all_of_them.state) == ("Tasks", "ok")  # or it had no heartbeat
    assert (part.name, part.state) == ("Task feature.work", "warn")
    assert part.reason.startswith(said)
    work.fails_with = None
    task_runner.run_once(work.task)
    (part,) = task_runner.status()
    assert (part.name, part.state) == ("Tasks", "ok")
    assert part.reason.startswith("1 running on time. The last one, feature.work, ended 0 s ago")


def test_bug_details_are_not_shown_in_health(work: Work, runner: Runners) -> None:
    task_runner = runner(work)
    work.fails_with = ValueError("of viewer 4711")
    task_runner.run_once(work.task)
    assert "4711" not in task_runner.status()[0].reason


def test_database_outage_is_reported(work: Work) -> None:
    away = Services(Settings(_env_file=None), Database("postgresql://127.0.0.1:1/x"), LocalBus())
    task_runner = TaskRunner(away, [work.task])
    task_runner.run_once(work.task)
    assert task_runner.status()[0].reason.startswith("the database is not answering")
    assert work.runs == 0


def test_bug_does_not_stop_the_schedule(runner: Runners) -> None:
    work = Work(every=0.02)
    work.fails_with = ZeroDivisionError("bug")
    task_runner = runner(work)
    task_runner.start()
    until(lambda: work.runs >= 3)
    work.fails_with = None
    until(lambda: task_runner.status()[0].state == "ok")


def test_failed_slow_task_is_retried_soon_then_keeps_its_interval(
    runner: Runners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "RETRY_SECONDS", 0.05)
    work = Work(every=3600)
    work.fails_with = Outage("Kick")
    task_runner = runner(work)
    task_runner.start()
    until(lambda: work.runs >= 2)
    work.fails_with = None
    until(lambda: task_runner.status()[0].state == "ok")
    runs = work.runs
    time.sleep(0.2)
    assert work.runs == runs


def test_stop_waits_for_running_task_and_starts_no_other(runner: Runners) -> None:
    work = Work(every=0.01)
    work.may_end.clear()
    task_runner = runner(work)
    task_runner.start()
    until(lambda: work.at_once == 1)
    threading.Timer(0.1, work.may_end.set).start()
    task_runner.stop()
    assert work.at_once == 0
    runs = work.runs
    time.sleep(0.05)
    assert work.runs == runs


@pytest.mark.timeout(PATIENCE)
def test_failing_task_does_not_delay_shutdown(runner: Runners) -> None:
    work = Work()
    work.may_end.clear()
    work.fails_with = Outage("the database")
    task_runner = runner(work)
    task_runner.start()
    until(lambda: work.at_once == 1)
    threading.Timer(0.1, work.may_end.set).start()
    task_runner.stop()
    assert task_runner.status()[0].state == "warn"


def test_stop_twice_or_before_start_is_no_error(runner: Runners, work: Work) -> None:
    task_runner = runner(work)
    task_runner.stop()
    task_runner.start()
    task_runner.stop()
    task_runner.stop()


def test_for_each_continues_after_a_failure() -> None:
    done = []

    def halve(number: int) -> None:
        if number % 2:
            raise ValueError(number)
        done.append(number // 2)

    with pytest.raises(ValueError, match=r"^3$"):
        for_each([2, 3, 4, 5, 6], halve)
    assert done == [1, 2, 3]


def test_for_each_raises_bugs_before_outages() -> None:
    def fail(error: Exception) -> None:
        raise error

    with pytest.raises(ZeroDivisionError):
        for_each([Outage("Kick"), Refusal("No."), ZeroDivisionError(), KeyError()], fail)
    with pytest.raises(Outage):
        for_each([Outage("Kick"), Refusal("No.")], fail)
