"""The real bot with some of its features in the fake Discord, on their own threads as in
production, and a user who sends it commands.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from core.discord_thread import DiscordThread
from core.kit.database.connection import Database
from core.kit.feature import Feature
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.clock import Clock, utc_now
from core.kit.services import Services
from core.outbox import chat
from core.outbox.actions import TOPIC as OUTBOX
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID, VERAS_DEN_ID
from sandbox.serve import on_thread
from tests.clean import cleaned
from tests.kick.rig import settings
from tests.patience import LENIENT
from tests.patience import until as wait_until
from tests.sandbox.kick_harness import KEY

Json = dict[str, Any]


@contextmanager
def bot_in_discord(
    database: Database, *features: Feature, until: str, clock: Clock = utc_now, **values: Any
) -> Iterator[tuple[DiscordDriver, DiscordThread]]:
    """Ready once the command `until` is registered and both servers are known; a commit notifies
    who waits for it. Every vendor is the sandbox; `values` are further settings."""
    address = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    with (
        cleaned(database),
        on_thread(signing_key=KEY, defaults=LENIENT) as world,
        pytest.MonkeyPatch.context() as patch,
    ):
        env = {key.lower(): value for key, value in world.env.items()} | values
        bus = LocalBus()
        patch.setattr(database, "_notify", bus.publish)
        patch.setattr(chat, "SECONDS_BETWEEN_LINES", 0.0)
        bot = DiscordThread(Services(settings(**env), database, bus, clock=clock), features)
        bus.subscribe(OUTBOX, lambda _message: bot.wake())
        bot.start()
        driver = DiscordDriver(world.base_url)
        try:
            driver.wait_connected()
            driver.wait_command(until)
            wait_until(lambda: _known(database), "both servers")
            _forget_cooldowns(bot)
            yield driver, bot
        finally:
            bot.stop()
            driver.close()
            Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = address


def stop_posts(database: Database) -> None:
    """Wait until posts of earlier tests are sent or dropped, so that none is mistaken for an
    answer."""

    def is_idle() -> bool:
        with database.begin() as tx:
            tx.exec_driver_sql("DELETE FROM outbox_messages WHERE state = 'waiting'")
            sending = "SELECT FROM outbox_messages WHERE state = 'sending'"
            return tx.exec_driver_sql(sending).first() is None

    wait_until(is_idle, "the last post")


def _forget_cooldowns(bot: DiscordThread) -> None:
    """discord.py keeps who used a command with its function, so all bots that ever run in a process
    share it."""
    assert bot._bot is not None, "it is connected"
    for command in bot._bot.walk_commands():
        command._buckets._cache.clear()


def _known(database: Database) -> bool:
    with database.begin() as tx:
        rows = tx.exec_driver_sql("SELECT guild_id FROM guilds").scalars()
        return {NORAS_CORNER_ID, VERAS_DEN_ID} <= set(rows)


@dataclass(frozen=True)
class Asker:
    """Somebody who chooses a command, or types it.

    Attributes:
        group: of the commands; its answers are private.
    """

    driver: DiscordDriver
    group: str = ""
    typing: bool = field(kw_only=True)

    def answer(
        self, command: str, person: str = "nora", guild: str | None = None, **options: Any
    ) -> Json:
        """The bot's answer, with its buttons."""
        command = f"{self.group} {command}".strip()
        if not self.typing:
            done = self.driver.slash(person, "general", command, options, guild=guild)
            assert done["response"]["ephemeral"] is True or not self.group
            return dict(done["response"])
        line = " ".join([f"!{command}", *(str(value) for value in options.values())])
        asked = self.driver.message(person, "general", line.strip(), guild=guild)
        return self.driver.wait_for(
            "general", lambda m: m["author"] == "bot", guild=guild, after=asked
        )

    def press(self, answer: Json, label: str, person: str = "nora") -> Json:
        """Press a button of an answer; returns the response."""
        items = [item for row in answer["components"] for item in row["components"]]
        custom_id = next(item["custom_id"] for item in items if item.get("label") == label)
        message_id = answer["message_id" if self.typing else "id"]
        return dict(self.driver.click(person, message_id, custom_id)["response"])

    def __call__(self, command: str, person: str = "nora", **options: Any) -> Json:
        """The embed of the answer."""
        return dict(self.answer(command, person, **options)["embeds"][0])
