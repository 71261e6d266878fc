"""Fixtures of suspected events."""

import pytest
from sqlalchemy import Connection

from core.kit.database.connection import Database
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from sandbox.serve import Sandbox
from tests.conftest import GUILD
from tests.kick.review.scene import Scene
from tests.kick.review.stage import Stage
from tests.kick.rig import StandingClock, follow, settings


@pytest.fixture
def scene(tx: Connection, guild_id: int) -> Scene:
    return Scene(tx, guild_id)


@pytest.fixture
def elsewhere(tx: Connection, other_guild_id: int) -> Scene:
    """The same in another server."""
    return Scene(tx, other_guild_id)


@pytest.fixture
def stage(clean: Database, pretend: Sandbox, clock: StandingClock) -> Stage:
    environment = {name.lower(): value for name, value in pretend.env.items()}
    follow(clean, GUILD)
    return Stage(Services(settings(**environment), clean, LocalBus(), clock), clock)
