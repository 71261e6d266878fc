"""Runs many worlds, one after the other or on all cores, and says what they have reached."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.discord import snapshot
from tests.world.acts import BUTTONS, endpoints
from tests.world.base import Step, Wrong
from tests.world.engine import World, opened, play
from tests.world.people import Author, chat_commands
from tests.world.rare import STATES
from tests.world.shrinking import Case, kind_of, shrink
from tests.world.storage import Storage

STEPS = 90
"""Of a world."""


@dataclass
class Report:
    """What some worlds have done."""

    seeds: int = 0
    steps: int = 0
    kills: int = 0
    seconds: float = 0.0
    seen: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.kills += other.kills
        self.seen += other.seen
        self.states += other.states
        self.failures += other.failures


class Runner:
    """Worlds of this process."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        with opened(storage, 0) as world:
            found = snapshot.slash_commands(world.outside.discord)
            self.commands = sorted(found, key=lambda one: one["path"])
            self.expected = _everything(world, self.commands)

    def author(self, seed: int) -> Author:
        """Who draws the steps of a seed."""
        return Author(seed, self.commands)

    def case(self, seed: int, steps: int = STEPS) -> Case:
        """The steps of a seed."""
        author = self.author(seed)
        return Case(seed, author.is_modelled, tuple(author.steps(steps)))

    def run(self, case: Case, report: Report) -> str:
        """How it fails, or ""."""
        report.seeds += 1
        try:
            history = play(self.storage, case.seed, case.steps, is_exact=case.is_exact)
        except Wrong as wrong:
            report.failures.append((case.seed, str(wrong)))
            return str(wrong)
        report.steps += history.steps
        report.kills += history.kills
        report.seen += history.seen
        report.states += history.states
        return ""

    def shortened(self, case: Case, failure: str, seconds: float = 300.0) -> Case:
        """The fewest steps that fail in the same way."""
        kind = kind_of(failure)

        def fails(steps: Sequence[Step]) -> bool:
            said = self.run(Case(case.seed, case.is_exact, tuple(steps)), Report())
            return kind_of(said) == kind

        steps = shrink(case.steps, fails, seconds)
        return Case(case.seed, case.is_exact, tuple(steps), failure)

    def many(self, seeds: Iterator[int], until: Callable[[], bool], steps: int = STEPS) -> Report:
        """Worlds until it is time to stop, or there are no more seeds."""
        report, began = Report(), time.perf_counter()
        for seed in seeds:
            if until():
                break
            if failure := self.run(self.case(seed, steps), report):
                print(f"seed {seed}: {failure[:1500]}", file=sys.stderr, flush=True)
        report.seconds = time.perf_counter() - began
        return report


NEVER = {
    "button KeepButton": "it belongs to messages of one minute, which worlds rarely press in time",
}
"""What worlds do not use, and why."""


def _everything(world: World, commands: Sequence[dict[str, Any]]) -> set[str]:
    """Everything that people can use."""
    app = world.product.app
    forms = {f"form {rule.endpoint}" for rule, _m in endpoints(app, "dashboard.", "POST")}
    api = {f"api {method} {rule.rule}" for rule, method in endpoints(app, "api.")}
    pages = {f"page {rule.endpoint}" for rule, _m in endpoints(app, "dashboard.", "GET")}
    return {
        *(f"!{name}" for name in chat_commands()),
        *(f"/{one['path']}" for one in commands),
        *(f"button {name}" for name in BUTTONS),
        *forms, *api, *pages,
    }  # fmt: skip


def tell(report: Report, expected: set[str]) -> str:
    """What to print."""
    unused = sorted(one for one in expected if not report.seen[one] and one not in NEVER)
    minutes = max(report.seconds / 60, 1e-9)
    lines = [
        f"{report.seeds} seeds, {report.steps} steps, {report.kills} kills in "
        f"{report.seconds:.0f} s: "
        f"{report.seeds / minutes:.1f} seeds a minute",
        f"used: {len(expected) - len(unused)} of {len(expected)}; never: {', '.join(unused[:60])}",
        "rare states:",
        *(f"  {report.states[name]:7,}  {name}" for name in sorted(STATES)),
    ]
    return "\n".join(lines)


def unreached(report: Report) -> list[str]:
    """Rare states that were not reached."""
    return [name for name in STATES if not report.states[name]]


@contextmanager
def storage_of_our_own() -> Iterator[Storage]:
    """A database for this process."""
    from tests.conftest import _make_fast, _started

    with ExitStack() as stack:
        server, url = _started(stack)
        stack.callback(server.stop)
        _make_fast(url)
        storage = Storage(url)
        stack.callback(storage.close)
        yield storage


def in_processes(first: int, count: int, jobs: int) -> tuple[Report, set[str]]:
    """Run these seeds in several processes."""
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.world", "--first", str(first + job),
             "--seeds", str(count), "--stride", str(jobs), "--json"],
            stdout=subprocess.PIPE, text=True, env=environment,
        )
        for job in range(jobs)
    ]  # fmt: skip
    report, expected = Report(), set[str]()
    for one in started:
        output, _errors = one.communicate()
        line = next((each for each in output.splitlines() if each.startswith("{")), None)
        if line is None:
            raise SystemExit(f"a process ended without a report: {output[-2000:]}")
        given = json.loads(line)
        expected |= set(given.pop("expected"))
        for name in ("seen", "states"):
            given[name] = Counter(given[name])
        given["failures"] = [tuple(each) for each in given["failures"]]
        report.add(Report(**given))
    report.seconds = time.perf_counter() - began
    return report, expected


def as_json(report: Report, expected: set[str]) -> str:
    return json.dumps(vars(report) | {"expected": sorted(expected)})
