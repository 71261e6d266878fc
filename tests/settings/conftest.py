"""The bot with this room and two pretend ones, connected to the pretend Discord."""

from collections.abc import Iterator

import pytest

from core.kit.database import Database
from core.settings.room import open_room
from sandbox.discord.driver import DiscordDriver
from tests.bot_rig import bot_in_discord
from tests.settings.rig import ROOMS


@pytest.fixture(scope="module")
def discord_world(database: Database) -> Iterator[DiscordDriver]:
    """One world for all tests of a file."""
    rooms = (*ROOMS, open_room(ROOMS))
    with bot_in_discord(database, *rooms, until="settings list") as (driver, _bot):
        yield driver
