"""How strong the tests are: change one place in a copy of `core/`, and see whether a test notices.

    python -m tests.mutants --count 200 --seed 1 --json mutants.json

For each change the tests of the changed package run, and end at the first failure. A change that
none of them notices has survived: a test is missing, or the change makes no difference. The places
depend on the seed alone, and the working tree is left as it is.
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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LEFT_OUT = ("migrations", "locale")
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
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in _SWAPS:
            node.op = _SWAPS[type(op)]()
        case ast.UnaryOp(op=ast.Not()):
            return f"({ast.unparse(node.operand)})"
        case ast.Constant(value=bool() as value):
            return str(not value)
        case ast.Constant(value=int() as value):
            return str(value + 1)
        case ast.Expr(value=ast.Call()):
            return "None"
        case _:
            return None
    return f"({ast.unparse(node)})"


def _offset(source: str, line: int, column: int) -> int:
    lines = source.splitlines(keepends=True)
    return sum(map(len, lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())


def tests_of(file: str, tests: Path) -> Path:
    """The nearest folder of tests, such as tests/raffle/draw for core/raffle/draw/rules.py."""
    parts = Path(file).parts[1:-1]
    while parts and not (tests / Path(*parts)).is_dir():
        parts = parts[:-1]
    return tests / Path(*parts)


def survives(mutant: Mutant, copy: Path) -> bool:
    """Whether the tests of the package pass with this change."""
    target = copy / mutant.file
    original = target.read_text(encoding="utf-8")
    target.write_text(mutant.source, encoding="utf-8")
    try:
        pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
        folder = tests_of(mutant.file, copy / "tests")
        done = subprocess.run(
            [*pytest, str(folder)],
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the survivors to this file")
    given = parser.parse_args()
    files = sorted(f for f in (ROOT / "core").rglob("*.py") if f.parent.name not in LEFT_OUT)
    files = [file for file in files if "migrations" not in file.parts]
    found = [mutant for file in files for mutant in find_mutants(file)]
    chosen = random.Random(given.seed).sample(found, given.count)
    survivors: list[Mutant] = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "regulars"
        ignored = shutil.ignore_patterns(".git", ".venv", "data", ".*_cache", "__pycache__")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for number, mutant in enumerate(chosen, 1):
            survived = survives(mutant, copy)
            survivors += [mutant] if survived else []
            where = f"{mutant.file}:{mutant.line}"
            result = "SURVIVED" if survived else "noticed"
            print(
                f"{number:4} {result:8} {where}  {mutant.before!r} -> {mutant.after!r}", flush=True
            )
            if given.json:
                rows = [{k: v for k, v in asdict(m).items() if k != "source"} for m in survivors]
                given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    packages = Counter("/".join(Path(mutant.file).parts[:2]) for mutant in survivors)
    print(f"{len(survivors)} of {len(chosen)} changes survived: {dict(packages.most_common())}")


if __name__ == "__main__":
    main()
