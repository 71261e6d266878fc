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
REPLACEMENT = re.compile(r"In\s`(?P<path>\S+)`, replace `(?P<old>.+?)` with\s`(?P<new>.+?)`")
NOT_COPIED = shutil.ignore_patterns(".*", "data", "node_modules", "screenshots")
"""What Python has compiled is copied, too: it holds for files that have not changed."""
PYTEST = "python -m pytest -q "


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
    for change in REPLACEMENT.finditer(PAGE):
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


def test_documented_steps_create_a_working_command_and_feature(copy: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
    assert len(blocks) == 2
    steps = dict.fromkeys("".join(blocks).splitlines())
    for command in steps:
        if not command.startswith(PYTEST):
            run(copy, command)
    # Each pytest starts a PostgreSQL, so there is one for all tests.
    tests = [step.removeprefix(PYTEST) for step in steps if step.startswith(PYTEST)]
    assert len(tests) == 2
    run(copy, " ".join([PYTEST, *tests, "tests/dashboard/test_access.py"]))
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
