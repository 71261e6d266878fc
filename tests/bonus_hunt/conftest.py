"""A guild with a bonus hunt."""

import pytest
from sqlalchemy import Connection

from tests.bonus_hunt.scene import HuntGuild


@pytest.fixture
def guild(tx: Connection, guild_id: int) -> HuntGuild:
    return HuntGuild(tx, guild_id)
