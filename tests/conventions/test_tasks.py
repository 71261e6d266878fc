"""Scheduled tasks for many servers: a failure for one does not stop the others."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conventions.tree import ROOT

SOURCES = sorted((ROOT / "core").rglob("tasks.py"))


def transactions_in_loops(tree: ast.AST) -> Iterator[int]:
    """The lines where a loop begins a transaction of its own for each turn."""
    for loop in ast.walk(tree):
        if isinstance(loop, ast.For):
            for node in ast.walk(loop):
                if isinstance(node, ast.Attribute) and node.attr == "begin":
                    yield node.lineno


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT)))
def test_loops_over_transactions_use_for_each(source: Path) -> None:
    """See `core.kit.tasks.for_each`."""
    assert list(transactions_in_loops(ast.parse(source.read_text()))) == []


def test_transaction_in_a_loop_is_detected() -> None:
    loop = "for guild_id in guild_ids:\n    with database.begin() as tx:\n        act(tx)"
    assert list(transactions_in_loops(ast.parse(loop))) == [2]
