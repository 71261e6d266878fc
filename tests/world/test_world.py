"""Worlds drawn from seeds, and those lists of steps that once failed."""

import random
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.world.people import chat_commands
from tests.world.planted import PLANTED
from tests.world.rare import STATES
from tests.world.runner import Report, Runner, storage_of_our_own, tell
from tests.world.scenes import SCENES
from tests.world.shrinking import KEPT, Case, kind_of, shrink

SECONDS = 60
"""For fresh worlds; many more with `make world`."""


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with storage_of_our_own() as storage:
        yield Runner(storage)


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.json")), ids=lambda path: path.stem)
def test_what_failed_once_does_not_fail_again(runner: Runner, path: Path) -> None:
    assert runner.run(Case.load(path), Report()) == ""


def test_fresh_worlds(runner: Runner) -> None:
    base = random.SystemRandom().randrange(10**6, 10**9)
    until = time.perf_counter() + SECONDS
    report = runner.many(count(base), lambda: time.perf_counter() > until)
    print(f"\nbase seed {base}\n{tell(report, runner.expected)}")
    assert not report.failures, (
        f"python -m tests.world --first {report.failures[0][0]} --seeds 1: {report.failures[0][1]}"
    )


def test_a_seed_decides_everything(runner: Runner) -> None:
    seen = []
    for _again in range(2):
        report = Report()
        runner.run(runner.case(7, 60), report)
        seen.append((report.steps, report.seen, report.states, report.failures))
    assert seen[0] == seen[1]


def test_people_use_every_command(runner: Runner) -> None:
    used: set[str] = set()
    for seed in range(2_000):
        for name, given in runner.case(seed).steps:
            if name == "slash":
                used.add(f"/{given['command']}")
            elif given.get("action") == "chat":
                used |= {f"!{one}" for one in chat_commands() if f"!{one}" in given["text"].lower()}
    expected = {f"/{one['path']}" for one in runner.commands}
    expected |= {f"!{one}" for one in chat_commands()}
    assert expected - used == set()


@pytest.mark.parametrize("name", PLANTED)
def test_a_fault_of_the_past_is_seen(runner: Runner, name: str) -> None:
    case = Case(5, True, SCENES[name])
    assert runner.run(case, Report()) == ""
    with pytest.MonkeyPatch.context() as patch:
        PLANTED[name].plant(patch)
        assert runner.run(case, Report()) != ""


def test_there_are_enough_rare_states() -> None:
    assert len(STATES) >= 20


def test_a_failing_list_is_shrunk_to_what_fails() -> None:
    steps = [("wait", {"seconds": number}) for number in range(40)]

    def fails(some: object) -> bool:
        return {3, 17} <= {given["seconds"] for _name, given in some}  # type: ignore[attr-defined]

    assert [given["seconds"] for _name, given in shrink(steps, fails, 10.0)] == [3, 17]
    assert kind_of("step 3 ('wait', {'a': 1}): x 12") == kind_of("at the end: x 7")
