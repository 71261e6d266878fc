"""`wrk`, the load generator: where it is, and one round of it."""

import json
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.prerequisites import Need, install

CONNECTIONS = 32
MAX_SECONDS = 120
_SCRIPT = Path(__file__).with_name("send_each_once.lua")


class CannotRun(Exception):
    """A benchmark cannot be run here; the message says what to do."""


class NotMeasured(Exception):
    """A program is missing that one benchmark needs; the message says what to do. The others run
    without it."""


@dataclass(frozen=True, slots=True)
class Round:
    """The result of a round in which every prepared request was sent once and answered."""

    answered: int
    good: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_s(self) -> float:
        return self.answered / self.seconds


def find_wrk() -> Path | None:
    found = shutil.which("wrk")
    return Path(found) if found else None


def need_wrk() -> None:
    """Raises NotMeasured when wrk is missing and cannot be installed."""
    if find_wrk() is None and install([Need("wrk", find_wrk, None, ("wrk",), "")]):
        raise NotMeasured(
            "the load generator wrk is missing. Install it (Debian, Ubuntu: "
            "sudo apt-get install wrk; macOS: brew install wrk) and run `make bench` again."
        )


def send_all(url: str, requests: Path) -> Round:
    """Send every request of the file once, on 32 connections that stay open.

    Raises:
        CannotRun: not all of them were answered.
    """
    process = subprocess.Popen(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--timeout", "10s"),
            *("--duration", f"{MAX_SECONDS}s", "--script", str(_SCRIPT)),
            *(url, "--", str(requests)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told: dict[str, Any] = {}
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("{"):
            told |= json.loads(line)
        if line.startswith('{"answered"'):
            process.send_signal(signal.SIGINT)  # wrk would continue until its time is over
    process.wait()
    if "answered" not in told:
        raise CannotRun(f"wrk did not get every answer from {url}:\n{''.join(lines)}")
    return Round(**told)
