"""Fixtures of the Kick package."""

from collections.abc import Iterator

import pytest

from core.kick.client import client_of
from core.kit.database.connection import Database
from sandbox.kick.driver import KickDriver
from sandbox.kick.signing import SigningKey
from sandbox.serve import Sandbox, on_thread
from tests.clean import cleaned
from tests.kick.rig import KeyEndpoint, StandingClock

KEY = SigningKey()


@pytest.fixture(autouse=True)
def new_client() -> None:
    """A client remembers its app token, and tests are not to inherit one."""
    client_of.cache_clear()


@pytest.fixture
def clean(database: Database) -> Iterator[Database]:
    """The database, for code that commits."""
    with cleaned(database):
        yield database


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def endpoint(clock: StandingClock) -> Iterator[KeyEndpoint]:
    """Kick's public-key endpoint, by the test's clock."""
    made = KeyEndpoint(clock)
    yield made
    made.close()


@pytest.fixture
def pretend() -> Iterator[Sandbox]:
    """The sandbox: Kick's own protocol, spoken by a program that shares no line with ours."""
    with on_thread(signing_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def kick(pretend: Sandbox) -> Iterator[KickDriver]:
    """The driver of the fake Kick."""
    driver = KickDriver(pretend.base_url)
    yield driver
    driver.close()
