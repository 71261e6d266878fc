"""How strong the tests are: change one place in a copy of `core/`, and see whether a test notices.

    python -m tests.mutants --count 200 --seed 1 --jobs 2 --json survivors.json
    python -m tests.mutants --count 120 --seed 2 --packages vips points
    python -m tests.mutants --again survivors.json

First the tests of the changed packages run once each, to record which test executes which line.
For each change only the tests that execute its line run, those of its package first, and end at the
first failure. A change that none of them notices has survived: a test is missing, or the change
makes no difference. The places depend on the seed and the code, and the working tree is left as it
is. `--again` tries the survivors of an earlier run in the code of today; `--packages` chooses
places in these packages alone.
"""

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import coverage
import pytest

ROOT = Path(__file__).parent.parent
LEFT_OUT = {"migrations", "locale"}
TIMEOUT_SECONDS = 900
"""Seconds. A change that makes the tests hang counts as noticed."""
MAX_MUTANTS = 300
"""Tests that run for one change: code at the bottom is executed by nearly all."""
Tests = dict[str, dict[str, list[str]]]
"""File -> line -> the tests that execute it."""

_SWAPS: dict[type[ast.AST], Any] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
}


@dataclass(frozen=True)
class Mutant:
    """One changed place: the file, its line (from 1), and the code before and after."""

    file: str
    line: int
    end: int
    before: str
    after: str
    source: str

    @property
    def package(self) -> str:
        return Path(self.file).parts[1]


def find_mutants(file: Path) -> Iterator[Mutant]:
    """Every change that is tried in a file."""
    source = file.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.expr | ast.stmt):
            continue
        after = _changed(node)
        before = ast.get_source_segment(source, node) if after is not None else None
        if after is None or before is None:
            continue
        start = _offset(source, node.lineno, node.col_offset)
        changed = source[:start] + after + source[start + len(before) :]
        end = node.end_lineno or node.lineno
        yield Mutant(str(file.relative_to(ROOT)), node.lineno, end, before, after, changed)


def _changed(node: ast.expr | ast.stmt) -> str | None:
    match node:
        case ast.Compare(ops=[op]) if type(op) in _SWAPS:
            node.ops = [_SWAPS[type(op)]()]
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in _SWAPS and not _is_text(node):
            node.op = _SWAPS[type(op)]()
        case ast.UnaryOp(op=ast.Not()):
            return f"({ast.unparse(node.operand)})"
        case ast.Constant(value=bool() as value):
            return str(not value)
        case ast.Constant(value=int() as value):
            return str(value + 1)
        case ast.Expr(value=ast.Call(func=function)) if not _only_reports(function):
            return "None"
        case _:
            return None
    return f"({ast.unparse(node)})"


def _is_text(node: ast.expr | ast.stmt) -> bool:
    """Whether strings are put together: any test would notice a change of that."""
    return isinstance(node, ast.BinOp) and any(
        isinstance(operand, ast.JoinedStr)
        or (isinstance(operand, ast.Constant) and isinstance(operand.value, str))
        or ast.unparse(operand).startswith("_(")
        for operand in (node.left, node.right)
    )


def _only_reports(function: ast.expr) -> bool:
    """Log lines and metrics: no test has to notice that one is missing."""
    called = ast.unparse(function)
    return called.startswith("_log.") or called.endswith((".inc", ".observe", ".set"))


def _offset(source: str, line: int, column: int) -> int:
    lines = source.splitlines(keepends=True)
    return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())


def record(file: Path) -> None:
    """Run the tests of the package that the file is named after, and write which of them execute
    which line of `core/`."""
    measured = coverage.Coverage(data_file=None, source=["core"], config_file=False)
    failed = {""}

    class Contexts:
        def pytest_sessionstart(self) -> None:
            load_features()  # what runs at import belongs to no test

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
            measured.switch_context(item.nodeid)
            return (yield)

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                failed.add(report.nodeid)

    with measured.collect():
        from core.features import load_features

        pytest.main(["-q", "-p", "no:cacheprovider", f"tests/{file.stem}"], plugins=[Contexts()])
    data = measured.get_data()
    found = {
        str(Path(path).relative_to(Path.cwd())): {
            line: [test for test in tests if test not in failed]
            for line, tests in data.contexts_by_lineno(path).items()
        }
        for path in data.measured_files()
    }
    file.write_text(json.dumps(found), encoding="utf-8")


def tests_of(mutant: Mutant, recorded: dict[str, Tests]) -> list[str]:
    """What to run: the tests that execute the changed lines; for what runs at import, all that
    execute something in the file."""
    for lines in (range(mutant.line, mutant.end + 1), None):
        found = {
            test: None
            for package in sorted(recorded, key=lambda package: package != mutant.package)
            for line, tests in recorded[package].get(mutant.file, {}).items()
            if lines is None or int(line) in lines
            for test in tests
        }
        if found:
            return list(found)[:MAX_MUTANTS]
    return [f"tests/{mutant.package}"]


def survives(mutant: Mutant, copy: Path, tests: list[str]) -> bool:
    """Whether these tests pass with this change."""
    target = copy / mutant.file
    original = target.read_text(encoding="utf-8")
    target.write_text(mutant.source, encoding="utf-8")
    try:
        return (
            _run(copy, TIMEOUT_SECONDS, "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests) == 0
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        target.write_text(original, encoding="utf-8")


def _run(copy: Path, timeout: int | None, *command: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=copy,
        env=os.environ | {"CI": "true"},
        timeout=timeout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode


def choose(given: argparse.Namespace) -> list[Mutant]:
    """Random places, or those where an earlier run had survivors."""
    names = given.packages or ["*"]
    files = sorted(
        file
        for name in names
        for file in (ROOT / "core").glob(f"{name}/**/*.py")
        if not LEFT_OUT & set(file.parts)
    )
    found = [mutant for file in files for mutant in find_mutants(file)]
    if not given.again:
        return random.Random(given.seed).sample(found, given.count)
    chosen = list[Mutant]()
    for load in json.loads(given.again.read_text()):
        same = [m for m in found if (m.file, m.before) == (load["file"], load["before"])]
        chosen += sorted(same, key=lambda m: abs(m.line - load["line"]))[:1]
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="changes that are tried at a time")
    parser.add_argument("--json", type=Path, help="write the survivors to this file")
    parser.add_argument("--again", type=Path, help="try the survivors in this file again")
    parser.add_argument("--packages", nargs="+", help="change places in these packages alone")
    parser.add_argument("--maps", type=Path, help="keep in this folder what the tests execute")
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.record:
        record(given.record)
        return
    chosen, survivors = choose(given), list[Mutant]()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.jobs) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        ignored = shutil.ignore_patterns(".git", ".venv", "data", ".*_cache", "__pycache__")
        for number in range(given.jobs):
            copies.put(Path(shutil.copytree(ROOT, Path(folder) / f"{number}", ignore=ignored)))
        recorded = dict[str, Tests]()
        for package in sorted({mutant.package for mutant in chosen}):
            file = (given.maps or Path(folder)).absolute() / f"{package}.json"
            if not file.exists():
                _run(Path(folder) / "0", None, "tests.mutants", "--record", str(file))
            recorded[package] = json.loads(file.read_text(encoding="utf-8"))

        def attempt(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                return survives(mutant, copy, tests_of(mutant, recorded))
            finally:
                copies.put(copy)

        for number, (mutant, survived) in enumerate(
            zip(chosen, pool.map(attempt, chosen), strict=True), 1
        ):
            survivors += [mutant] if survived else []
            result = "SURVIVED" if survived else "noticed"
            change = f"{mutant.file}:{mutant.line}  {mutant.before!r} -> {mutant.after!r}"
            print(f"{number:4} {result:8} {change}", flush=True)
            if given.json:
                rows = [asdict(survivor) | {"source": ""} for survivor in survivors]
                given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    packages = Counter(mutant.package for mutant in survivors)
    print(f"{len(survivors)} of {len(chosen)} changes survived: {dict(packages.most_common())}")


if __name__ == "__main__":
    main()
