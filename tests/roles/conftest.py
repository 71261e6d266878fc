import pytest
from sqlalchemy import Connection

from tests.roles.scene import Guild


@pytest.fixture
def guild(tx: Connection, guild_id: int) -> Guild:
    return Guild(tx, guild_id)


@pytest.fixture
def other(tx: Connection, other_guild_id: int) -> Guild:
    return Guild(tx, other_guild_id)
