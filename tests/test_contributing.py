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
    r"(In|Create) `(?P<path>\S+)`(, add at the end)?:\n\n```python\n(?P<code>.*?)```", re.S
)
NOT_COPIED = shutil.ignore_patterns(".*", "data", "node_modules", "__pycache__", "screenshots")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree after the steps of "Add a command"."""
    tree = tmp_path_factory.mktemp("contributing") / "regulars"
    shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
    shutil.copy(ROOT / ".env.example", tree)
    for step in STEP.finditer(PAGE):
        file = tree / step["path"]
        assert file.exists() == (step[1] == "In"), file
        before = file.read_text() if file.exists() else ""
        gap = "" if not before else "\n" if step["code"].startswith(" ") else "\n\n"
        file.write_text(before + gap + step["code"])
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


def test_the_steps_of_add_a_command_lead_to_a_checked_command(copy: Path) -> None:
    assert len(STEP.findall(PAGE)) == 4
    commands = re.search(r"```sh\n(.*?)```", PAGE, re.S)
    assert commands
    for command in commands[1].splitlines():
        run(copy, command)
    assert "/slotcalls stats" in run(copy, "python bot.py --commands")
    assert "Show how many requests were played" in (copy / "docs" / "commands.md").read_text()


def test_every_file_that_it_names_is_there() -> None:
    named = re.findall(r"`((?:core|tests|docs)/[\w/.]+)`", PAGE)
    made = {step["path"] for step in STEP.finditer(PAGE) if step[1] == "Create"}
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists() and name not in made] == []
