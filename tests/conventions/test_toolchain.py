"""The Makefile's targets, CI's commands, and the lock files they install from."""

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERBS = (
    "run",
    "demo",
    "test",
    "check",
    "feature",
    "bench",
    "scan",
    "world",
    "screenshots",
    "format",
    "lock",
    "docs",
    "baseline",
    "words",
    "clean",
    "help",
)
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def make(folder: Path, *arguments: str) -> str:
    """What make prints; as no child of the make around this test, which would have it say more."""
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    run = subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


def test_make_without_target_lists_targets_and_installs_nothing(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    text = make(tmp_path)
    told = re.findall(r"^  make (\w+) +\w", text, re.MULTILINE)
    assert sorted(told) == sorted(VERBS)
    assert 'Try "make run"' in text
    assert [file.name for file in tmp_path.iterdir()] == ["Makefile"]


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("help", "clean")])
def test_every_target_runs_setup_first(verb: str) -> None:
    lines = make(ROOT, "--dry-run", verb).splitlines()
    lock = "requirements.txt" if verb in ("run", "demo") else "requirements-dev.txt"
    assert lines[0] == f"sh .ci/setup {lock}"
    assert len(lines) > 1


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with CI's script, and a `make` first on the PATH that prints its arguments."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_bytes((ROOT / ".ci" / "run").read_bytes())
    make = tmp_path / "make"
    make.write_text(
        '#!/bin/sh\ncat\necho "make $* CI=$CI in $PWD"\necho "1 passed"\nexit $RESULT\n'
    )
    make.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("result", [0, 2])
def test_ci_runs_make_test_and_returns_its_exit_code(clone: Path, result: int) -> None:
    path = f"{clone}:{os.environ['PATH']}"
    run = subprocess.run(
        ["bash", ".ci/run"],
        cwd=clone,
        env={"PATH": path, "RESULT": str(result)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert run.returncode == result
    assert run.stdout.splitlines() == [f"make test CI=true in {clone}", "1 passed"]


def pins(name: str) -> dict[str, str]:
    """Package -> version, as a requirements file pins them; names as indexes compare them."""
    found = PIN.findall((ROOT / name).read_text())
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in found}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_lock_contains_the_direct_requirements(name: str) -> None:
    decided = pins(f"{name}.in")
    assert decided
    assert decided.items() <= pins(f"{name}.txt").items()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_has_hashes_and_no_url(name: str) -> None:
    text = (ROOT / name).read_text()
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)[1:]
    assert len(blocks) == len(pins(name))
    without = [block.split("\n")[0] for block in blocks if "--hash=sha256:" not in block]
    assert without == []
    assert "://" not in text
    assert "-index" not in text


def test_both_locks_pin_the_same_runtime() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def imported_packages(*roots: str) -> dict[str, str]:
    """Third-party distribution -> one file that imports it."""
    distributions = packages_distributions()
    files = [file for root in roots for file in _python_files(ROOT / root)]
    found = {}
    for file in files:
        for module in _imported_modules(file) - set(sys.stdlib_module_names):
            for distribution in distributions.get(module, []):
                name = re.sub(r"[-_.]+", "-", distribution).lower()
                found[name] = str(file.relative_to(ROOT))
    return found


def _python_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else list(path.rglob("*.py"))


def _imported_modules(file: Path) -> set[str]:
    """The top-level names a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
    return names


def test_product_imports_are_direct_requirements() -> None:
    """Nothing is used that is there only because something else brought it along."""
    scripts = [file.name for file in ROOT.glob("*.py")]
    used = imported_packages("core", "sandbox", *scripts)
    assert {name: file for name, file in used.items() if name not in pins("requirements.in")} == {}


def test_test_imports_are_direct_requirements() -> None:
    used = imported_packages("tests", "benchmarks")
    decided = pins("requirements.in").keys() | pins("requirements-dev.in").keys()
    assert {name: file for name, file in used.items() if name not in decided} == {}
