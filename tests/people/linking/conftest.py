"""Fixtures of linking."""

from pathlib import Path

import pytest

from core.kit.database.connection import Database
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from tests.kick.conftest import clean, kick, new_client, pretend
from tests.people.linking.rig import LinkingSite, open_linking_site

__all__ = ["clean", "kick", "linking_site", "new_client", "pretend"]


@pytest.fixture
def linking_site(
    clean: Database, pretend: Sandbox, kick: KickDriver, tmp_path: Path
) -> LinkingSite:
    return open_linking_site(clean, pretend, kick, tmp_path)
