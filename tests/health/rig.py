"""The real bot with some of its features, on the fake Discord."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from core.guilds.discord import RegularsBot
from core.kit.database.connection import Database
from core.kit.feature import Feature
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from sandbox.discord.driver import DiscordDriver
from tests.sandbox.discord_rig import Hands, open_world, ready


@dataclass
class BotRig:
    bot: RegularsBot
    hands: Hands

    async def ask(self, person: str, text: str) -> dict[str, Any]:
        """Type a command; the bot's next line in the channel."""
        after = await self.hands.message(person, "general", text)
        line: dict[str, Any] = await self.hands.wait_for(
            "general", lambda line: line["author_name"] == "Regulars", after=after
        )
        return line


@asynccontextmanager
async def open_bot(database: Database, features: Iterable[Feature]) -> AsyncIterator[BotRig]:
    """A bot that is ready and has registered its commands."""
    services = Services(Settings(_env_file=None), database, LocalBus())
    async with open_world() as world:
        bot = RegularsBot(services, features)
        bot._connection.guild_ready_timeout = 0.02
        driver = DiscordDriver(world.base_url)
        run = asyncio.create_task(bot.start(world.token))
        try:
            await ready(bot, run)
            yield BotRig(bot, Hands(driver))
        finally:
            await bot.close()
            with contextlib.suppress(Exception):
                await run
            driver.close()
