"""How strong the tests are: change one place in a copy of `core/`, and see whether a test notices.

    python -m tests.mutants --count 200 --seed 1 --jobs 2 --json survivors.json
    python -m tests.mutants --again survivors.json

For each change the tests of the changed package run, those of the changed file first, and end at
the first failure. A change that none of them notices has survived: a test is missing, or the change
makes no difference. The places depend on the seed and the code, and the working tree is left as it
is. `--again` tries the survivors of an earlier run in the code of today.
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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

ROOT = Path(__file__).parent.parent
LEFT_OUT = {"migrations", "locale"}
LONGEST = 900
"""Seconds. A change that makes the tests hang counts as noticed."""

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
    before: str
    after: str
    source: str


def find_mutants(file: Path) -> Iterator[Mutant]:
    """Every change that is tried in a file."""
    source = file.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.expr | ast.stmt):
            continue
        before, after = ast.get_source_segment(source, node), _changed(node)
        if after is None or before is None:
            continue
        start = _offset(source, node.lineno, node.col_offset)
        changed = source[:start] + after + source[start + len(before) :]
        yield Mutant(str(file.relative_to(ROOT)), node.lineno, before, after, changed)


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
        isinstance(one, ast.JoinedStr)
        or (isinstance(one, ast.Constant) and isinstance(one.value, str))
        or ast.unparse(one).startswith("_(")
        for one in (node.left, node.right)
    )


def _only_reports(function: ast.expr) -> bool:
    """Log lines and metrics: no test has to notice that one is missing."""
    called = ast.unparse(function)
    return called.startswith("_log.") or called.endswith((".inc", ".observe", ".set"))


def _offset(source: str, line: int, column: int) -> int:
    lines = source.splitlines(keepends=True)
    return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())


def tests_of(file: str, tests: Path) -> list[Path]:
    """What to run for `core/raffle/draw/rules.py`, in this order: tests/raffle/draw/test_rules.py,
    tests/raffle/draw, tests/raffle; for `personal.py` also tests/privacy."""
    package = Path(file).parent.relative_to("core")
    places = [package / f"test_{Path(file).name}", package, Path(package.parts[0])]
    if Path(file).name == "personal.py":
        places.append(Path("privacy"))
    return [tests / place for place in places if (tests / place).exists()]


def survives(mutant: Mutant, copy: Path) -> bool:
    """Whether the tests of the package pass with this change."""
    target = copy / mutant.file
    original = target.read_text(encoding="utf-8")
    target.write_text(mutant.source, encoding="utf-8")
    try:
        pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*pytest, *map(str, tests_of(mutant.file, copy / "tests"))],
            cwd=copy,
            env=os.environ | {"CI": "true"},
            timeout=LONGEST,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return done.returncode == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        target.write_text(original, encoding="utf-8")


def choose(given: argparse.Namespace) -> list[Mutant]:
    """Random places, or those where an earlier run had survivors."""
    files = [f for f in sorted((ROOT / "core").rglob("*/*.py")) if not LEFT_OUT & set(f.parts)]
    found = [mutant for file in files for mutant in find_mutants(file)]
    if not given.again:
        return random.Random(given.seed).sample(found, given.count)
    earlier = {(one["file"], one["before"]) for one in json.loads(given.again.read_text())}
    return [mutant for mutant in found if (mutant.file, mutant.before) in earlier]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="changes that are tried at a time")
    parser.add_argument("--json", type=Path, help="write the survivors to this file")
    parser.add_argument("--again", type=Path, help="try the survivors in this file again")
    given = parser.parse_args()
    chosen, survivors = choose(given), list[Mutant]()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.jobs) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        ignored = shutil.ignore_patterns(".git", ".venv", "data", ".*_cache", "__pycache__")
        for number in range(given.jobs):
            copies.put(Path(shutil.copytree(ROOT, Path(folder) / f"{number}", ignore=ignored)))

        def attempt(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                return survives(mutant, copy)
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
                rows = [{k: v for k, v in asdict(m).items() if k != "source"} for m in survivors]
                given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    packages = Counter("/".join(Path(mutant.file).parts[:2]) for mutant in survivors)
    print(f"{len(survivors)} of {len(chosen)} changes survived: {dict(packages.most_common())}")


if __name__ == "__main__":
    main()
