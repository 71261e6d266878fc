"""Fixtures of connecting."""

from pathlib import Path

import pytest

from core.kit.database.connection import Database
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from tests.kick.accounts.rig import Installation, open_installation


@pytest.fixture
def installation(
    clean: Database, pretend: Sandbox, kick: KickDriver, tmp_path: Path
) -> Installation:
    return open_installation(clean, pretend, kick, tmp_path)
