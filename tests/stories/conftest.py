"""Fixtures of the stories."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from sandbox.kick.signing import SigningKey
from tests.prerequisites import find_redis_server
from tests.stories.product import until
from tests.stories.stage import Stage, open_stage


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    """Kick's key; making one is slow."""
    return SigningKey()


@pytest.fixture
def stage(tmp_path: Path, postgres_url: str, signing_key: SigningKey) -> Iterator[Stage]:
    """A stage for one story; the story starts the product itself."""
    with open_stage(tmp_path, postgres_url, signing_key) as opened:
        yield opened


class RedisServer:
    """A real redis-server on a socket of its own, so that it comes back under the same address."""

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

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, decode_responses=True)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
