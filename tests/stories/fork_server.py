"""Starts the product's programs without importing everything again: that takes 3 s each time.

A process that has imported the product (which starts nothing and reads no environment) forks for
each start, and the child runs the script. It reads starts and writes process ids and exit codes,
one JSON object a line.
"""

import gc
import json
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]

IMPORTED_LATER = (
    "core.kit.runtime.embedded_server",
    "core.kit.web.worker",
    "health_check",
    "jinja2.ext",
    "psycopg2",
)
"""What the programs import only when they need it."""

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class Fork:
    """A started program, with the methods of `subprocess.Popen` that stories need."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = threading.Event()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises `subprocess.TimeoutExpired`."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("the product", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def ended(self, code: int) -> None:
        """Its parent has seen it end."""
        self.returncode = code
        self._ended.set()


class ForkServer:
    """The process that forks, seen from the tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stories.fork_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._forks: dict[int, Fork] = {}
        self._started: list[Fork] = []
        self._one_start = threading.Lock()
        self._news = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, command: tuple[str, ...], cwd: Path, log: Path, env: Mapping[str, str]) -> Fork:
        """Run `python *command` in its own session; its output is added to the log."""
        start = {"command": command, "cwd": str(cwd), "log": str(log), "env": dict(env)}
        assert self._process.stdin is not None
        # One at a time, or two stories would take each other's program.
        with self._one_start, self._news:
            print(json.dumps(start), file=self._process.stdin, flush=True)
            assert self._news.wait_for(lambda: self._started, timeout=30), (
                "the fork server has ended"
            )
            return self._started.pop()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            pid, code = json.loads(line)
            with self._news:
                if code is None:
                    self._forks[pid] = Fork(pid)
                    self._started.append(self._forks[pid])
                    self._news.notify_all()
                else:
                    self._forks.pop(pid).ended(code)


@cache
def fork_server() -> ForkServer:
    """One for each test process; it ends with it, because its input does."""
    return ForkServer()


def _next_start() -> Json:
    """Fork for each line of the input; returns in the children."""
    lock = threading.Lock()

    def report(pid: int, code: int | None) -> None:
        with lock:
            print(json.dumps([pid, code]), flush=True)

    def reap(pid: int) -> None:
        _pid, status = os.waitpid(pid, 0)
        report(pid, os.waitstatus_to_exitcode(status))

    for line in sys.stdin:
        with lock:  # the child must not inherit a line that is half written
            pid = os.fork()
        if pid == 0:
            return dict(json.loads(line))
        report(pid, None)
        threading.Thread(target=reap, args=(pid,), daemon=True).start()
    os._exit(0)


def _run(start: Json) -> None:
    os.setsid()
    os.chdir(start["cwd"])
    os.environ.clear()
    os.environ.update(start["env"])
    null, log = os.open(os.devnull, os.O_RDONLY), os.open(start["log"], _APPEND)
    for given, number in ((null, 0), (log, 1), (log, 2)):
        os.dup2(given, number)
    sys.argv = start["command"]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _import_product() -> None:
    """Everything that a start would import. The garbage collector then leaves those objects alone,
    so that the forks share their memory."""
    import_module("combined_server")
    import_module("core.features").load_features()
    for name in IMPORTED_LATER:
        import_module(name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    _import_product()
    _run(_next_start())
