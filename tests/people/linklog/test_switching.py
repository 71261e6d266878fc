"""`/linklogs on` without a channel keeps the one that was chosen before."""

import pytest

from core.kit.database import Database
from core.people import feature as people
from sandbox.discord.driver import DiscordDriver
from tests.bot_rig import bot_in_discord


def channel_after(driver: DiscordDriver, line: str) -> str:
    asked = driver.message("nora", "general", line)
    told = driver.wait_for("general", lambda one: one["author"] == "bot", after=asked)
    return str(told["embeds"][0]["fields"][0]["value"])


@pytest.mark.parametrize("again", ["!linklogs on", "!linklogs ON"])
def test_remembered_channel_is_kept(database: Database, again: str) -> None:
    with bot_in_discord(database, people.FEATURE, until="linklogs status") as (driver, _bot):
        chosen = channel_after(driver, "!linklogs on slot-calls")
        channel_after(driver, "!linklogs off")
        assert channel_after(driver, again) == chosen
        driver.channel("slot-calls", delete=True)
        assert channel_after(driver, again) != chosen
