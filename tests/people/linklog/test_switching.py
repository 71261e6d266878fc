"""`/linklogs on` without a channel keeps the one that was chosen before."""

from typing import Any

import pytest

from core.kit.database.connection import Database
from core.people import feature as people
from sandbox.discord.driver import DiscordDriver
from tests.bot_rig import bot_in_discord


def embed_after(driver: DiscordDriver, line: str) -> dict[str, Any]:
    asked = driver.message("nora", "general", line)
    answer = driver.wait_for("general", lambda message: message["author"] == "bot", after=asked)
    return dict(answer["embeds"][0])


def channel_after(driver: DiscordDriver, line: str) -> str:
    return str(embed_after(driver, line)["fields"][0]["value"])


@pytest.mark.parametrize("again", ["!linklogs on", "!linklogs ON"])
def test_remembered_channel_is_kept(database: Database, again: str) -> None:
    with bot_in_discord(database, people.FEATURE, until="linklogs status") as (driver, _bot):
        driver.overwrite("mods", "bot", allow=["VIEW_CHANNEL"], deny=["SEND_MESSAGES"])
        assert "I am not allowed to post" in str(embed_after(driver, "!linklogs on mods"))
        chosen = channel_after(driver, "!linklogs on slot-calls")
        channel_after(driver, "!linklogs off")
        assert channel_after(driver, again) == chosen
        driver.channel("slot-calls", delete=True)
        assert channel_after(driver, again) != chosen
