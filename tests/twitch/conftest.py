"""Fixtures of Twitch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.kit.database.connection import Database
from core.outbox import chat
from core.twitch.client import client_of
from sandbox.kick.signing import SigningKey
from sandbox.serve import Sandbox, on_thread
from sandbox.twitch.driver import TwitchDriver
from tests.clean import cleaned
from tests.twitch.rig import Installation, open_installation

KEY = SigningKey()


@pytest.fixture(autouse=True)
def new_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client remembers its app token, and tests are not to inherit one."""
    client_of.cache_clear()
    monkeypatch.setattr(chat, "SECONDS_BETWEEN_LINES", 0.0)


@pytest.fixture
def clean(database: Database) -> Iterator[Database]:
    with cleaned(database):
        yield database


@pytest.fixture
def pretend() -> Iterator[Sandbox]:
    with on_thread(signing_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def twitch(pretend: Sandbox) -> Iterator[TwitchDriver]:
    """The driver of the fake Twitch."""
    driver = TwitchDriver(pretend.base_url)
    yield driver
    driver.close()


@pytest.fixture
def installation(
    clean: Database, pretend: Sandbox, twitch: TwitchDriver, tmp_path: Path
) -> Installation:
    return open_installation(clean, pretend, twitch, tmp_path)
