"""CONTRIBUTING.md is followed as it is written, in a copy of the tree."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conventions.test_documentation import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
STEP = re.compile(
    r"(In|Create) `(?P<path>\S+)`(, add at the end)?:\n\n```(?:python|html)\n(?P<code>.*?)```", re.S
)
CODE = r"(?P<{0}_mark>`+) ?(?P<{0}>.+?) ?(?P={0}_mark)(?!`)"
REPLACEMENT = re.compile(
    rf"In\s`(?P<path>\S+)`,\sreplace\s{CODE.format('old')}\swith\s{CODE.format('new')}"
)
NOT_COPIED = shutil.ignore_patterns(".*", "data", "node_modules", "screenshots")
"""What Python has compiled is copied, too: it holds for files that have not changed."""
CHECK = "python -m ruff format --check core tests", "python -m ruff check core tests"
"""What `make check` says of new code, but for the types: mypy would read the whole copy."""

GUARDS = """python -m tests.feature quotes tests/slot_calls/test_stats.py
    --deselect tests/conventions/test_database.py::test_concurrent_upgrades_both_succeed
    --deselect tests/conventions/test_database.py::test_upgrading_twice_changes_nothing
    --deselect tests/conventions/test_documentation.py::test_repository_contains_no_machine
    --deselect tests/conventions/test_documentation.py::test_printed_commands
    --deselect tests/conventions/test_features.py::test_importing_has_no_side_effects
    --deselect tests/test_old_buttons.py
    --deselect tests/test_public_answers.py
    --deselect tests/test_strange_arguments.py"""
"""What `make feature` runs, without what takes long and finds nothing in a new feature."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree after the steps of "Add a command", "Add a feature" and "Add a page"."""
    tree = tmp_path_factory.mktemp("contributing") / "regulars"
    shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
    shutil.copy(ROOT / ".env.example", tree)
    for step in STEP.finditer(PAGE):
        file = tree / step["path"]
        assert file.exists() == (step[1] == "In"), file
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text() if file.exists() else ""
        gap = "" if not before else "\n" if step["code"].startswith(" ") else "\n\n"
        file.write_text(before + gap + step["code"])
    changes = list(REPLACEMENT.finditer(PAGE))
    assert len(changes) == len(re.findall(r",\sreplace\s", PAGE))
    for change in changes:
        file = tree / change["path"]
        assert file.read_text().count(change["old"]) == 1, change
        new = change["new"].replace("\\n", "\n")
        file.write_text(file.read_text().replace(change["old"], new))
    return tree


def run(tree: Path, command: str) -> str:
    assert command.startswith("python "), command
    done = subprocess.run(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTEST_ADDOPTS": "-p no:cacheprovider"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(900)  # it runs a thousand tests
def test_documented_steps_create_a_working_command_and_feature(copy: Path) -> None:
    steps = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.S)).splitlines()
    assert steps == [
        *("make docs", "make check", "make feature NAME=slot_calls"),
        *("make baseline docs", "make check", "make feature NAME=quotes"),
    ]
    for command in ("python -m core.migrations.baseline", "python -m tests.conventions.documents"):
        run(copy, command)
    for command in (*CHECK, GUARDS):
        run(copy, command)
    commands = run(copy, "python bot.py --commands")
    assert "/slotcalls stats" in commands
    assert "/addquote" in commands
    documented = (copy / "docs" / "commands.md").read_text()
    assert "Show how many requests were played" in documented
    assert "Say a quote." in documented


def test_documented_feature_has_at_most_sixty_lines() -> None:
    section = PAGE.split("## Add a feature")[1].split("## Add a page")[0]
    files = [step for step in STEP.finditer(section) if step["path"].startswith("core/quotes/")]
    assert len(files) == 5
    lines = [line for step in files for line in step["code"].splitlines() if line.strip()]
    assert len(lines) <= 60


def test_every_named_file_exists() -> None:
    named = re.findall(r"`((?:core|tests|docs)/[\w/.]+)`", PAGE)
    made = {step["path"] for step in STEP.finditer(PAGE) if step[1] == "Create"}
    assert len(named) > 5
    made |= {str(Path(path).parent) for path in made}
    assert [name for name in named if not (ROOT / name).exists() and name not in made] == []
