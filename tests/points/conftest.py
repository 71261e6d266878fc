"""A guild whose points are on."""

import pytest
from sqlalchemy import Connection

from tests.points.scene import PointsGuild


@pytest.fixture
def guild(tx: Connection, guild_id: int) -> PointsGuild:
    guild = PointsGuild(tx, guild_id)
    guild.set()
    return guild
