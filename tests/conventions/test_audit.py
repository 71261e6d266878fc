"""Every action in the audit log reads as a sentence."""

import ast
import re
import string
from collections.abc import Iterator

import pytest

from core.features import load_features
from core.kit.feature import Feature
from tests.conventions.tree import calls, calls_in_functions, modules, tree_of

FEATURES = load_features()
LINES = {action: line for feature in FEATURES for action, line in feature.audit.items()}
SAMPLES = ((None, None), (1, 2), ({"take_back": True}, {"minutes": 3}), ("x", "drawn"))


def texts(*nodes: ast.AST) -> Iterator[str]:
    """The texts in a piece of code that look like actions."""
    for part in (part for node in nodes for part in ast.walk(node)):
        if isinstance(part, ast.Constant) and re.fullmatch(r"[a-z]+\.[a-z_]+", str(part.value)):
            yield str(part.value)


def posted() -> Iterator[tuple[str, str]]:
    """Where an action is written, and which: in an f-string, any name stands for what is not
    known; a variable stands for the texts in its function and in the calls of that function."""
    for module in modules():
        for function, call in calls_in_functions(module).get("audit", []):
            where = f"{module}:{call.lineno}"
            for action in call.args[1:2]:
                if isinstance(action, ast.JoinedStr):
                    yield where, re.sub(r"\{.*?\}", r"\\w+", ast.unparse(action)[2:-1])
                elif isinstance(action, ast.Name):
                    found = texts(function, *calls(tree_of(module), function.name))
                    yield from ((where, re.escape(text)) for text in found)
                else:
                    yield from ((where, re.escape(text)) for text in texts(action))


@pytest.mark.parametrize(("where", "action"), list(posted()))
def test_every_audited_action_has_a_line(where: str, action: str) -> None:
    assert any(re.fullmatch(action, known) for known in LINES), (
        f"{where}: add {action} to `audit` of the feature"
    )


@pytest.mark.parametrize("action", LINES)
def test_lines_fit_after_a_name_and_use_known_fields(action: str) -> None:
    declared = LINES[action]
    for before, after in SAMPLES:
        line = declared if isinstance(declared, str) else declared(before, after)
        assert line[0].islower() or line.startswith("let "), line
        assert not line.endswith("."), line
        for _text, name, _spec, _conversion in string.Formatter().parse(line):
            assert name is None or re.match(r"(target|before|after)(_\w+)?$", name), line


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_lines_belong_to_their_own_feature(feature: Feature) -> None:
    assert all(action.startswith(f"{feature.name}.") for action in feature.audit)
