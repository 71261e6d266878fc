"""Fixtures of connecting."""

from pathlib import Path

import pytest

from core.kit.database.connection import Database
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from tests.kick.accounts.rig import Office, open_office


@pytest.fixture
def office(clean: Database, pretend: Sandbox, kick: KickDriver, tmp_path: Path) -> Office:
    return open_office(clean, pretend, kick, tmp_path)
