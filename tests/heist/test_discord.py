"""`/heist` and the buttons of a heist's message, in the sandbox's Discord with a real client."""

from collections.abc import Iterator
from typing import Any

import discord
import pytest
from sqlalchemy import select

from core.guilds import store as guild_store
from core.guilds.actions import change_setting
from core.guilds.channels import alert_admins
from core.guilds.settings import ADMIN_CHANNEL
from core.heist import actions
from core.heist.feature import FEATURE
from core.heist.records import Player
from core.kit.database.connection import METADATA, Database
from core.kit.database.work import Work
from core.kit.runtime.clock import utc_now
from core.points.providers import currency_of
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID, channel_id
from tests.bot_rig import Asker, bot_in_discord
from tests.heist.scene import RICH, HeistGuild
from tests.patience import until

Json = dict[str, Any]
CHANNEL = channel_id(NORAS_CORNER_ID, "raffle")
TABLES = ("heist", "points_", "outbox_", "people_", "guild_settings", "guild_channels")


@pytest.fixture(scope="module")
def world(database: Database) -> Iterator[DiscordDriver]:
    """The bot with only this feature, connected to the sandbox's Discord."""
    with bot_in_discord(database, FEATURE, until="heist history") as (driver, _bot):
        yield driver


@pytest.fixture
def guild(database: Database, world: DiscordDriver) -> Iterator[HeistGuild]:
    """Points are on, and there are no heists. The test's actions are committed immediately."""
    with database.begin() as tx:
        guild_store.set_guild(tx, NORAS_CORNER_ID, "Nora's Corner")
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in METADATA.tables:
            if table.startswith(TABLES):
                tx.exec_driver_sql(f"DELETE FROM {table}")
        HeistGuild(tx, NORAS_CORNER_ID, utc_now()).open(channel=0)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
        yield HeistGuild(tx, NORAS_CORNER_ID, utc_now())


@pytest.fixture(params=[False, True], ids=["slash", "typed"])
def ask(request: pytest.FixtureRequest, world: DiscordDriver) -> Asker:
    return Asker(world, "heist", typing=request.param)


def test_a_heist_by_commands(guild: HeistGuild, ask: Asker) -> None:
    assert "!heist" in ask("status")["description"]
    channel = f"<#{CHANNEL}>" if ask.typing else str(CHANNEL)
    assert ask("settings", state="off")["title"] == "⚫ Heists are off"
    refused = ask("start")
    assert "Heists are off." in refused["title"] + refused.get("description", "")
    assert ask("settings", state="on", channel=channel)["title"] == "🟢 Heists are on"
    assert "65 % chance, pays ×1.2 to ×1.5" in ask("odds")["description"]
    assert ask("start")["title"] == "🚨 Heist #1 has started"
    assert "already running" in str(ask("start"))
    guild.at = guild.heist.opened_at
    viewer_id = guild.say("!join 100 high")
    assert guild.balance(viewer_id) == RICH - 100
    cancelled = ask("cancel")
    assert cancelled["title"] == "⚫ Heist #1 was cancelled"
    assert "stakes were refunded" in cancelled["description"]
    assert guild.balance(viewer_id) == RICH
    assert "No heist is running" in str(ask("cancel"))
    assert "#1" in ask("history")["description"]
    assert "Last heist" in ask("status")["description"]


@pytest.mark.parametrize("command", ["start", "cancel", "settings", "history"])
def test_viewers_cannot_use_the_commands(
    guild: HeistGuild, world: DiscordDriver, command: str
) -> None:
    embed = Asker(world, "heist", typing=True)(command, person="mia")
    assert "Manage Server" in embed["description"]
    assert guild.said() == []


def test_slash_commands_are_registered_for_admins(world: DiscordDriver) -> None:
    found = [c for c in world.commands() if c["path"].startswith("heist ")]
    assert {c["path"].split()[1] for c in found} == {
        *("status", "start", "cancel", "settings", "odds", "history")
    }
    wanted = str(discord.Permissions(manage_guild=True).value)
    assert all(str(c["default_member_permissions"]) == wanted for c in found)


def test_a_heist_by_buttons_in_its_message(guild: HeistGuild, world: DiscordDriver) -> None:
    guild.set(channel=CHANNEL)
    earlier = {message["message_id"] for message in world.transcript("raffle")}

    def shows(*parts: str) -> Json:
        """The message of a heist of this test once it shows this."""
        return world.wait_for(
            "raffle",
            lambda m: (
                m["message_id"] not in earlier
                and all(part in str(m["embeds"]) for part in (*parts, "Verifiable"))
            ),
        )

    Asker(world, "heist", typing=False)("start")
    shown = shows("Heist #1", "Closes")
    assert labels(shown) == ["Cancel", "Odds"]
    guild.at = guild.heist.opened_at
    viewer_id = guild.say("!join 100", 1)
    joined = shows("Heist #1", "**viewer1** · 100 points")
    assert joined["message_id"] == shown["message_id"]

    odds = world.click("mia", shown["message_id"], custom_id(joined, "Odds"))
    assert "Odds of the heist" in str(odds["response"])
    refused = world.click("mia", shown["message_id"], custom_id(joined, "Cancel"))
    assert "Manage Messages" in str(refused["response"])
    world.click("tomas", shown["message_id"], custom_id(joined, "Cancel"))
    ended = shows("Heist #1", "stakes were refunded")
    until(lambda: guild.balance(viewer_id) == RICH, "the stake is back")
    assert labels(ended) == ["Start next heist", "Odds"]
    world.click("tomas", ended["message_id"], custom_id(ended, "Start next heist"))
    shows("Heist #2", "Closes")
    guild.do(actions.cancel)


@pytest.mark.parametrize(
    ("label", "answer"),
    [("Retry payout", "payout retried"), ("Write off", "100 points written off")],
)
def test_admins_settle_what_was_not_paid_by_button(
    guild: HeistGuild, world: DiscordDriver, label: str, answer: str
) -> None:
    guild.do(actions.start)
    viewer_id = guild.say("!join 100")
    guild.do(actions.cancel)
    asked_before = {message["message_id"] for message in world.transcript("raffle")}
    guild.do(owe, f"test:{label}")
    asked = world.wait_for(
        "raffle",
        lambda m: m["message_id"] not in asked_before and "payout failed" in str(m["embeds"]),
    )
    refused = world.click("mia", asked["message_id"], custom_id(asked, label))
    assert "Manage Server" in str(refused["response"])
    settled = world.click("nora", asked["message_id"], custom_id(asked, label))
    assert answer in str(settled["response"])
    assert guild.balance(viewer_id) == RICH + (100 if label == "Retry payout" else 0)
    again = world.click("nora", asked["message_id"], custom_id(asked, label))
    assert "no unpaid points" in str(again["response"])


def owe(work: Work, key: str) -> None:
    """Create a refused payout of 100 points."""
    change_setting(work, ADMIN_CHANNEL, CHANNEL)
    player = work.scalars(select(Player)).one()
    player.owed = 100
    payload = {"number": player.heist, "count": 1, "points": 100, **currency_of(work)}
    alert_admins(work, "heist.owed", f"heist.owed:{key}", payload)


def _buttons(message: Json) -> list[Json]:
    return [item for row in message["components"] for item in row["components"]]


def labels(message: Json) -> list[str]:
    return [button["label"] for button in _buttons(message)]


def custom_id(message: Json, label: str) -> str:
    return next(
        str(button["custom_id"]) for button in _buttons(message) if button["label"] == label
    )
