"""Two servers with heists."""

import pytest
from sqlalchemy import Connection

from tests.heist.scene import HeistGuild


@pytest.fixture
def guild(tx: Connection, guild_id: int) -> HeistGuild:
    guild = HeistGuild(tx, guild_id)
    guild.open()
    return guild


@pytest.fixture
def other(tx: Connection, other_guild_id: int) -> HeistGuild:
    other = HeistGuild(tx, other_guild_id)
    other.open()
    return other
