"""Fixtures of suspected misses."""

import pytest
from sqlalchemy import Connection

from tests.kick.misses.scene import Scene


@pytest.fixture
def scene(tx: Connection, guild_id: int) -> Scene:
    return Scene(tx, guild_id)


@pytest.fixture
def elsewhere(tx: Connection, other_guild_id: int) -> Scene:
    """The same in another server."""
    return Scene(tx, other_guild_id)
