"""The tests' prerequisites are found, installed if allowed, and otherwise requested with a clear
message.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.prerequisites import (
    NEEDS,
    Need,
    find_chromium,
    find_redis_server,
    install,
    left_out,
    missing,
    sentence,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it yet."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    return tmp_path


def program(path: Path, name: str, script: str = "exit 0") -> Path:
    file = path / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def browser(path: Path) -> Need:
    """The need for a browser, with the browser not there."""
    return Need("Chromium", lambda: _there(path / "chromium"), "CHROMIUM", ("chromium",), "browser")


def _there(file: Path) -> Path | None:
    return file if file.exists() else None


def test_installed_browser_is_found(path: Path) -> None:
    expected = program(path, "chromium-browser")
    assert find_chromium() == expected


def test_configured_browser_takes_precedence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path, "chromium")
    named = program(path, "mine")
    monkeypatch.setenv("CHROMIUM", str(named))
    assert find_chromium() == named


def test_missing_configured_browser_is_reported_missing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path, "chromium")
    monkeypatch.setenv("CHROMIUM", str(path / "nowhere"))
    assert find_chromium() is None


def test_packaged_redis_is_used_without_a_system_one(path: Path) -> None:
    server = find_redis_server()
    assert server is not None
    version = subprocess.run([server, "--version"], capture_output=True, text=True, check=True)
    assert "Redis server" in version.stdout


def test_system_redis_takes_precedence(path: Path) -> None:
    expected = program(path, "redis-server")
    assert find_redis_server() == expected


def test_root_installs_missing_programs(
    path: Path, browser: Need, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = path / "calls"
    program(path, "apt-get", f'echo "$*" >>{calls}; : >{path}/chromium')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert install(missing([browser])) == []
    assert calls.read_text().splitlines() == [
        "update -qq",
        "install -y -qq --no-install-recommends chromium",
    ]


def test_failed_installation_is_still_missing(
    path: Path, browser: Need, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path, "apt-get", "exit 100")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert install([browser]) == [browser]


def test_other_users_install_nothing(
    path: Path, browser: Need, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path, "apt-get", f": >{path}/chromium")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert install([browser]) == [browser]


def test_nothing_missing_installs_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path, "apt-get", f": >{path}/called")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert install([]) == []
    assert not (path / "called").exists()


def test_missing_program_message_says_what_to_do() -> None:
    assert sentence(NEEDS[0]) == (
        "Chromium is missing, so the tests marked 'browser' are left out. Install it (Debian, "
        "Ubuntu: sudo apt-get install chromium fonts-noto-color-emoji), or name one: "
        "CHROMIUM=/path/to/it make test."
    )


def test_tests_with_missing_programs_are_excluded() -> None:
    assert left_out([]) == []
    assert left_out(NEEDS) == ["-m", "not browser and not redis and not pgbouncer"]


def test_missing_browser_fails_in_ci(tmp_path: Path) -> None:
    """The whole command, with no apt-get in reach and a browser that is not there."""
    environment = {"PATH": str(tmp_path), "CI": "true", "CHROMIUM": str(tmp_path / "nowhere")}
    command = [sys.executable, "-m", "tests", "--version"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("Chromium is missing")
    del environment["CI"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "Chromium is missing" in run.stderr
