"""The buttons under a message about held wager totals, pressed in Discord."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.guilds.actions import change_setting
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database.connection import METADATA, Database
from core.wagers.feature import FEATURE
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID, channel_id
from tests.acting import act
from tests.bot_rig import bot_in_discord
from tests.wagers.scene import Guild

ADMINS = "general"


@pytest.fixture(scope="module")
def running(database: Database) -> Iterator[DiscordDriver]:
    """The bot with wagers alone; one for all tests here."""
    with bot_in_discord(database, FEATURE, until="shuffle status") as (driver, _bot):
        yield driver


@pytest.fixture
def discord_world(database: Database, running: DiscordDriver) -> DiscordDriver:
    """Nothing is counted yet, and admins are notified in a channel."""
    with database.begin() as tx:
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in reversed(METADATA.sorted_tables):
            if table.name != "guilds":
                tx.execute(table.delete())
    with database.begin() as tx:
        act(tx, NORAS_CORNER_ID, change_setting, ADMIN_CHANNEL, channel_id(NORAS_CORNER_ID, ADMINS))
    return running


@pytest.fixture
def message(database: Database, discord_world: DiscordDriver) -> dict[str, Any]:
    """The message to the admins about Mia's total, which fell and jumped back."""
    known = {one["message_id"] for one in discord_world.transcript(ADMINS)}
    with database.begin() as tx:
        guild = Guild(tx, NORAS_CORNER_ID)
        guild.verify_mia("9000")
        guild.poll(1, MiaSpins="0")
        guild.poll(2, MiaSpins="9000")
    return discord_world.wait_for(
        ADMINS, lambda one: bool(one["components"]) and one["message_id"] not in known
    )


def buttons(message: dict[str, Any]) -> dict[str, str]:
    """What is written on a button -> custom id."""
    return {
        item["label"]: item["custom_id"]
        for row in message["components"]
        for item in row["components"]
    }


def press(driver: DiscordDriver, message: dict[str, Any], label: str, person: str = "nora") -> str:
    """The answer, which the person who pressed sees alone."""
    pressed = driver.click(person, message["message_id"], buttons(message)[label])
    assert pressed["response"]["ephemeral"] is True
    (embed,) = pressed["response"]["embeds"]
    return f"{embed['title']} {embed.get('description', '')}"


def counted(database: Database) -> list[str]:
    """The amounts published to the raffle."""
    with database.begin() as tx:
        return Guild(tx, NORAS_CORNER_ID).published()


@pytest.mark.parametrize(
    ("label", "answer", "again", "amounts"),
    [
        ("Count MiaSpins", "Counted $9,000.00", "was already counted", ["9000"]),
        ("Dismiss MiaSpins", "Dismissed $9,000.00", "was already dismissed", []),
    ],
)
def test_admin_decides_with_one_click(
    database: Database,
    discord_world: DiscordDriver,
    message: dict[str, Any],
    label: str,
    answer: str,
    again: str,
    amounts: list[str],
) -> None:
    assert list(buttons(message)) == ["Count MiaSpins", "Dismiss MiaSpins"]
    assert answer in press(discord_world, message, label)
    assert counted(database) == amounts
    for other in buttons(message):
        assert again in press(discord_world, message, other)
    assert counted(database) == amounts


def test_viewers_cannot_decide(
    database: Database, discord_world: DiscordDriver, message: dict[str, Any]
) -> None:
    for label in buttons(message):
        assert "Manage Server" in press(discord_world, message, label, "leo")
    assert counted(database) == []
    assert "Counted" in press(discord_world, message, "Count MiaSpins")
