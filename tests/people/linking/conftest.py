"""Fixtures of linking."""

from pathlib import Path

import pytest

from core.kit.database.connection import Database
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from tests.kick.conftest import clean, kick, new_client, pretend
from tests.people.linking.rig import Desk, open_desk

__all__ = ["clean", "desk", "kick", "new_client", "pretend"]


@pytest.fixture
def desk(clean: Database, pretend: Sandbox, kick: KickDriver, tmp_path: Path) -> Desk:
    return open_desk(clean, pretend, kick, tmp_path)
