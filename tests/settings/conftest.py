"""The bot with this room and two pretend ones, connected to the pretend Discord."""

from collections.abc import Iterator

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot import DiscordThread
from core.kit.bus import LocalBus
from core.kit.database import Database
from core.kit.services import Services
from core.settings.room import open_room
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.scenery import NORAS_CORNER_ID, VERAS_DEN_ID
from sandbox.kick.signing import SigningKey
from sandbox.serve import on_thread
from tests.clean import cleaned
from tests.kick.rig import settings
from tests.settings.rig import ROOMS


@pytest.fixture(scope="module")
def discord_world(database: Database) -> Iterator[DiscordDriver]:
    """One world for all tests of a file."""
    address = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    with cleaned(database), on_thread(signing_key=SigningKey()) as world:
        env = {k.lower(): v for k, v in world.env.items() if k.startswith("DISCORD_")}
        services = Services(settings(**env), database, LocalBus())
        bot = DiscordThread(services, (*ROOMS, open_room(ROOMS)))
        bot.start()
        driver = DiscordDriver(world.base_url)
        try:
            driver.wait_connected()
            driver.wait_command("settings list")
            driver.wait_until(lambda: known(database), 5, lambda: "the servers are not known")
            yield driver
        finally:
            bot.stop()
            driver.close()
            Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = address


def known(database: Database) -> bool:
    with database.begin() as tx:
        rows = tx.exec_driver_sql("SELECT guild_id FROM guilds").scalars()
        return {NORAS_CORNER_ID, VERAS_DEN_ID} <= set(rows)
