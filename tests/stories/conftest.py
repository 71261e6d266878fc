"""Fixtures of the stories."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.kick.signing import SigningKey
from tests.stories.servers import RedisServer
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


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()
