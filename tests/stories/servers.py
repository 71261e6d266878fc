"""Real servers that a story may kill and start again under the same address."""

import os
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import redis

from core.kit.runtime.embedded import EmbeddedPostgres
from tests.patience import until
from tests.prerequisites import find_redis_server


class RedisServer:
    """A real redis-server on its own socket, so that it comes back under the same address."""

    def __init__(self, folder: Path) -> None:
        program = find_redis_server()
        assert program is not None, "pytest leaves out the tests marked `redis` without one"
        self._program = program
        self._socket = folder / "redis.sock"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def start(self) -> None:
        arguments = ("--port", "0", "--unixsocket", str(self._socket), "--save", "")
        self._process = subprocess.Popen(
            [str(self._program), *arguments], cwd=self._folder, stdout=subprocess.DEVNULL
        )
        until(self._answers, "redis-server")

    def kill(self) -> None:
        """kill -9. Safe to call twice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It accepts connections from now on, but never answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, decode_responses=True)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class TcpProxy:
    """A TCP address in front of a PostgreSQL that listens on a socket file, which can be cut: both
    ends stay open and nothing gets through."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._whole = threading.Event()
        self._whole.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self._whole.set()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        self._whole.wait()
        far = socket.socket(socket.AF_UNIX)
        with near, far, suppress(OSError):
            far.connect(self._path)
            back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
            back.start()
            self._carry(near, far)
            back.join()

    def _carry(self, connection: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := connection.recv(65_536):
                self._whole.wait()
                other.sendall(data)
        for end in (connection, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class PostgresServer:
    """A PostgreSQL of the story's own."""

    def __init__(self, folder: Path) -> None:
        self._embedded = EmbeddedPostgres(folder)
        self._pid_file = folder / "postgres" / "postmaster.pid"
        self.url = self._embedded.start()

    def crash(self) -> None:
        """Kill it, without closing the connections of its clients. Safe to call twice."""
        if self._pid_file.exists():
            pid = int(self._pid_file.read_text().split()[0])
            os.kill(pid, signal.SIGQUIT)
            until(lambda: not psutil.pid_exists(pid), "the end of PostgreSQL")

    def freeze(self) -> None:
        """All of its processes: connections are taken by the kernel and nobody ever answers."""
        for process in self._processes():
            process.suspend()

    def thaw(self) -> None:
        for process in self._processes():
            process.resume()

    def _processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(int(self._pid_file.read_text().split()[0]))
        return [postmaster, *postmaster.children()]

    def start(self) -> None:
        """Again, if it does not run."""
        self._embedded.start()

    def close(self) -> None:
        """For good."""
        self._embedded.stop()
