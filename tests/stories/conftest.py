"""Fixtures of the stories."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sandbox.kick.signing import SigningKey
from tests.stories.servers import RedisServer
from tests.stories.stage import Stage, open_stage


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    """Kick's key; making one is slow."""
    return SigningKey()


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Not in pytest's own folder: where root runs the tests, PostgreSQL runs as another user, and
    every pytest that starts closes that folder to everybody else."""
    with TemporaryDirectory(prefix="regulars-story-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def stage(tmp_path: Path, postgres_url: str, signing_key: SigningKey) -> Iterator[Stage]:
    """A stage for one story; the story starts the product itself."""
    with open_stage(tmp_path, postgres_url, signing_key) as opened:
        yield opened


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
