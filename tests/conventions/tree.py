"""Reads the source tree: its modules and their contents."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
STARTERS = ("bot", "combined_server", "setup_database", "health_check")
"""The programs at the top."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(folder: str = "core") -> list[str]:
    """The names of all modules below a folder; versions of the schema are no modules of ours."""
    files = (f for f in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in f.parts)
    names = (".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)
    return [name.removesuffix(".__init__") for name in names]


def file_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def tree_of(module: str) -> ast.Module:
    return parsed(file_of(module))


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


@cache
def calls_in_functions(module: str) -> dict[str, list[tuple[Function, ast.Call]]]:
    """Name -> its calls, once for each function around the call."""
    found = defaultdict(list)
    for function in ast.walk(tree_of(module)):
        if isinstance(function, Function):
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    found[called(node)].append((function, node))
    return dict(found)


def calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    """Every call of a function with one of these names, however it is reached."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in names:
            yield node


def called(call: ast.Call) -> str:
    """`post` of `outbox.post(...)` and of `post(...)`."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
