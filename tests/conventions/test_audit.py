"""Every action that is written into the audit log reads as a sentence."""

import ast
import re
import string
from collections.abc import Iterator

import pytest

from core.features import load_features
from core.kit.feature import Feature
from tests.conventions.tree import ROOT

FEATURES = load_features()
LINES = {action: line for feature in FEATURES for action, line in feature.audit.items()}
SAMPLES = ((None, None), (1, 2), ({"take_back": True}, {"minutes": 3}), ("x", "drawn"))


def assigned(tree: ast.Module, name: str) -> Iterator[str]:
    """The texts that a variable is given in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant) and "." in str(part.value):
                    yield str(part.value)


def posted() -> Iterator[tuple[str, str]]:
    """Where an action is written, and which: in an f-string, any name stands for what is not
    known."""
    for path in sorted((ROOT / "core").rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and "post_audit" in ast.unparse(node.func):
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                if isinstance(node.args[3], ast.Name):
                    for action in assigned(tree, node.args[3].id):
                        yield where, re.escape(action)
                elif isinstance(node.args[3], ast.Constant):
                    yield where, re.escape(str(node.args[3].value))
                elif isinstance(node.args[3], ast.JoinedStr):
                    parts = [
                        re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+"
                        for part in node.args[3].values
                    ]
                    yield where, "".join(parts)


@pytest.mark.parametrize(("where", "action"), posted())
def test_an_action_has_a_line(where: str, action: str) -> None:
    assert any(re.fullmatch(action, known) for known in LINES), (
        f"{where}: add {action} to `audit` of the feature"
    )


@pytest.mark.parametrize("action", LINES)
def test_a_line_reads_after_a_name_and_has_known_fields(action: str) -> None:
    for before, after in SAMPLES:
        line = LINES[action](before, after)
        assert line[0].islower() or line.startswith("let "), line
        assert not line.endswith("."), line
        for _text, name, _spec, _conversion in string.Formatter().parse(line):
            assert name is None or re.match(r"(target|before|after)(_\w+)?$", name), line


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_line_belongs_to_its_own_feature(feature: Feature) -> None:
    assert all(action.startswith(f"{feature.name}.") for action in feature.audit)
