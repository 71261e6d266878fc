"""Fixtures of the intake's tests: services between the fake Kick and a real database."""

from collections.abc import Callable
from typing import Any

import pytest

from core.kit.database.connection import Database
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from sandbox.serve import Sandbox
from tests.kick.rig import StandingClock, follow, settings

ServicesFor = Callable[..., Services]


@pytest.fixture
def services_for(
    pretend: Sandbox, clean: Database, clock: StandingClock, guild_id: int
) -> ServicesFor:
    """Services with these settings changed."""

    def made(**differs: Any) -> Services:
        values = {k.lower(): v for k, v in pretend.env.items() if k.startswith("KICK_")}
        ours = settings(**values | {"discord_guild_id": guild_id} | differs)
        return Services(ours, clean, LocalBus(), clock)

    return made


@pytest.fixture
def services(services_for: ServicesFor, clean: Database, guild_id: int) -> Services:
    """Services of a server that follows Nora."""
    follow(clean, guild_id)
    return services_for()
