"""Two servers with slot calls."""

import pytest
from sqlalchemy import Connection

from tests.slot_calls.scene import Guild


@pytest.fixture
def guild(tx: Connection, guild_id: int) -> Guild:
    guild = Guild(tx, guild_id)
    guild.open()
    return guild


@pytest.fixture
def other(tx: Connection, other_guild_id: int) -> Guild:
    other = Guild(tx, other_guild_id)
    other.open()
    return other
