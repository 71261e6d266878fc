"""python -m tests.world --seeds 10000: many worlds on all cores; what fails is shrunk and kept."""

import argparse
import os
import sys
from itertools import count, islice

from tests.world.runner import (
    Runner,
    as_json,
    in_processes,
    storage_of_our_own,
    tell,
    unreached,
)
from tests.world.shrinking import KEPT, Case

ENOUGH = 1_000
"""After so many seeds every rare state has to have been reached."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.world")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="this process alone; prints JSON")
    parser.add_argument("--planted", nargs="*", help="plant faults of the past, and count seeds")
    parser.add_argument("--seconds", type=float, default=1e9, help="for each planted fault")
    parser.add_argument("--replay", help="a kept list")
    given = parser.parse_args()
    if given.json:
        return _alone(given.first, given.seeds, given.stride)
    if given.planted is not None:
        from tests.world.planted import prove

        return prove(given.planted, given.seeds, given.first, given.seconds)
    if given.replay:
        return _replay(given.replay)
    report, expected = in_processes(given.first, given.seeds, given.jobs)
    print(tell(report, expected))
    missing = unreached(report) if report.seeds >= ENOUGH else []
    if missing:
        print(f"never reached: {', '.join(missing)}")
    _keep(report.failures)
    return 1 if report.failures or missing else 0


def _alone(first: int, seeds: int, stride: int) -> int:
    with storage_of_our_own() as storage:
        runner = Runner(storage)
        chosen = islice(count(first, stride), max(0, -(-(seeds) // stride)))
        report = runner.many(chosen, lambda: False)
        print(as_json(report, runner.expected))
    return 0


def _replay(path: str) -> int:
    from pathlib import Path

    from tests.world.runner import Report

    with storage_of_our_own() as storage:
        failure = Runner(storage).run(Case.load(Path(path)), Report())
    print(failure or "It does not fail.")
    return 1 if failure else 0


def _keep(failures: list[tuple[int, str]]) -> None:
    """Shrink the first failure of each kind, and keep it."""
    from tests.world.shrinking import kind_of

    first = {kind_of(failure): (seed, failure) for seed, failure in reversed(failures)}
    if not first:
        return
    with storage_of_our_own() as storage:
        runner = Runner(storage)
        for seed, failure in first.values():
            print(f"\nseed {seed}: {failure[:1500]}")
            case = runner.shortened(runner.case(seed), failure)
            path = KEPT / f"seed_{seed}.json"
            case.save(path)
            print(f"  {len(case.steps)} steps are enough: {path}")
            for step in case.steps:
                print(f"    {step}")


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.world", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    sys.exit(main())
