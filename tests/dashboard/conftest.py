"""Fixtures of the dashboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.kit.database import Database
from sandbox.discord.driver import DiscordDriver
from sandbox.serve import Sandbox, on_thread
from tests.clean import cleaned
from tests.dashboard.site import Site, open_site


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with on_thread() as opened:
        yield opened


@pytest.fixture
def site(database: Database, sandbox: Sandbox, tmp_path: Path) -> Iterator[Site]:
    """The application; what a test changes in the sandbox's Discord it changes back."""
    discord = DiscordDriver(sandbox.base_url)
    with cleaned(database):
        opened = open_site(database, sandbox, discord, tmp_path)
        yield opened
        opened.services.database.close()
    discord.close()
