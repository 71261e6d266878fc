"""The product as people start it: processes with settings, a port, a log and signals.

Nothing here imports the product's insides; a story that wants to look into the database does so
through `Stage.database`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

import psutil
import requests

from tests.patience import PATIENCE, until
from tests.ports import free_port as free_port
from tests.ports import is_free
from tests.stories.fork_server import Fork, fork_server

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
"""The folder of the programs."""

SCRIPTS = ("combined_server.py", "bot.py", "setup_database.py", "health_check.py")
CHANGED_CONSTANTS = str(ROOT / "tests" / "stories" / "changed_constants.py")

FORKED = (CHANGED_CONSTANTS, *(str(ROOT / name) for name in SCRIPTS))
"""Commands that can start from a process which has imported the product already."""

HEALTH_TOKEN = "shows-the-reasons-to-stories"
SEES_REASONS = {"Authorization": f"Bearer {HEALTH_TOKEN}"}

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT")
"""All that a story's processes get of our own environment."""


class Process:
    """A program of ours in its own session, so that it can be killed with all its children.

    Args:
        folder: where it runs and logs.
        name: of its log file.
        command: what follows `python`.
        settings: its environment.
    """

    forks = True
    """Whether it starts from a process which has imported the product, where that is possible."""

    def __init__(
        self, folder: Path, name: str, command: tuple[str, ...], settings: Mapping[str, str]
    ) -> None:
        self._log = folder / f"{name}.log"
        inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        env = {**inherited, "PYTHONPATH": str(ROOT), "HEALTH_TOKEN": HEALTH_TOKEN, **settings}
        self._popen: subprocess.Popen[bytes] | Fork
        if self.forks and command[0] in FORKED:
            self._popen = fork_server().start(command, folder, self._log, env)
            return
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, *command],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def log(self) -> str:
        """All that it and its predecessors of the same name have written."""
        return self._log.read_text(errors="replace")

    def children(self) -> list[psutil.Process]:
        """Its living descendants."""
        try:
            return list(psutil.Process(self.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return []

    def signal(self, number: Signals) -> None:
        """Send a signal to the program alone, as `kill` does."""
        self._popen.send_signal(number)

    def signal_group(self, number: Signals) -> None:
        """Send a signal to the program and its children, as Ctrl-C in a terminal does."""
        os.killpg(self.pid, number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Its exit code; AssertionError with its log if it does not end."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout:g} s:\n{self.log()}") from None

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        if self.running:
            self.signal(SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """kill -9 to it and to all its children, as when the power goes."""
        children = self.children()
        if self.running:
            os.killpg(self.pid, SIGKILL)
        self._popen.wait()
        until(lambda: not any(map(_is_alive, children)), "the end of its children")


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Product(Process):
    """A program of ours that answers on a port."""

    def __init__(
        self,
        folder: Path,
        name: str,
        command: tuple[str, ...],
        settings: Mapping[str, str],
        port: int,
    ) -> None:
        super().__init__(folder, name, command, settings)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def kill(self) -> None:
        """The same. A process that has ended may hold its port until its last thread is gone."""
        listened = self.running and any(
            map(self._listens, (psutil.Process(self.pid), *self.children()))
        )
        super().kill()
        if listened:
            until(lambda: is_free(self.port), "its port")

    def _listens(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return any(
                connection.status == psutil.CONN_LISTEN and connection.laddr.port == self.port
                for connection in process.net_connections("tcp")
            )
        return False

    def kill_worker(self) -> None:
        """kill -9 to gunicorn's worker alone, which the master starts again."""
        for worker in until(self.children, "a worker"):
            with suppress(psutil.NoSuchProcess):  # it may be the former one, which has just gone
                worker.kill()

    def get(self, path: str) -> requests.Response:
        """One request; a refused connection is an exception of requests."""
        return requests.get(self.url + path, timeout=PATIENCE)

    def health(self) -> tuple[int, Json]:
        """The status code of `GET /health` and its JSON; (0, {}) while nobody answers."""
        try:
            answer = requests.get(f"{self.url}/health", headers=SEES_REASONS, timeout=PATIENCE)
        except requests.RequestException:
            return 0, {}
        return answer.status_code, answer.json()

    def part(self, name: str) -> Json:
        """One line of the health page; empty while there is none."""
        parts: list[Json] = self.health()[1].get("parts", [])
        return next((part for part in parts if part["name"] == name), {})

    def wait_answering(self) -> None:
        """Until the web server answers."""
        self._until(lambda: self.health()[0] in (200, 503), "an answer of the web server")

    def wait_well(self) -> None:
        """Until the web server answers and the bot is connected."""
        self._until(lambda: self.part("Discord bot").get("state") == "ok", "a connected bot")
        self._until(lambda: self.health()[0] == 200, "a healthy product")

    def metrics(self, name: str) -> dict[str, float]:
        """The samples of a Prometheus counter: labels as printed -> value."""
        lines = self.get("/metrics").text.splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if line.startswith(name))
        return {labels.removeprefix(name): float(value) for labels, value in samples}

    def _until(self, check: Callable[[], bool], wanted: str) -> None:
        def checked() -> bool:
            assert self.running, f"it ended ({self._popen.returncode}), no {wanted}:\n{self.log()}"
            return check()

        try:
            until(checked, wanted)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.health()}\n{self.log()}") from None
