"""The bot with this feature and two fake ones, connected to the fake Discord."""

from collections.abc import Iterator

import pytest

from core.kit.database.connection import Database
from core.settings.feature import make_feature
from sandbox.discord.driver import DiscordDriver
from tests.bot_rig import bot_in_discord
from tests.settings.rig import FEATURES


@pytest.fixture(scope="module")
def discord_world(database: Database) -> Iterator[DiscordDriver]:
    """One world for all tests of a file."""
    features = (*FEATURES, make_feature(FEATURES))
    with bot_in_discord(database, *features, until="settings list") as (driver, _bot):
        yield driver
