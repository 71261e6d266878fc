"""`/points` and `/pointsadmin`, in the sandbox's Discord with a real client."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from core.features import load_features
from core.guilds import store as guild_store
from core.kit.database.connection import METADATA, Database
from core.kit.runtime.clock import utc_now
from core.points import imports, store
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.people import PEOPLE
from tests.bot_rig import Asker, bot_in_discord
from tests.points.scene import MIA, TOM, PointsGuild
from tests.raffle.scene import period

Json = dict[str, Any]
(FEATURE,) = (feature for feature in load_features() if feature.name == "points")
MEMBERS = {person.handle: person.discord_id for person in PEOPLE}


@pytest.fixture(scope="module")
def world(database: Database) -> Iterator[DiscordDriver]:
    """The bot with only this feature, connected to the sandbox's Discord."""
    with bot_in_discord(database, FEATURE, until="pointsadmin season") as (driver, _bot):
        yield driver


@pytest.fixture
def guild(database: Database, world: DiscordDriver) -> Iterator[PointsGuild]:
    """Points are on; Mia has linked her account. The test's actions are committed immediately."""
    with database.begin() as tx:
        guild_store.set_guild(tx, NORAS_CORNER_ID, "Nora's Corner")
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in METADATA.tables:
            if table.startswith(("points_", "outbox_", "people_", "raffle_", "guild_settings")):
                tx.exec_driver_sql(f"DELETE FROM {table}")
        guild = PointsGuild(tx, NORAS_CORNER_ID)
        guild.set()
        guild.link(MIA, MEMBERS["mia"])
        guild.viewer(TOM)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as tx:
        yield PointsGuild(tx, NORAS_CORNER_ID)


@pytest.fixture(params=[False, True], ids=["slash", "typed"])
def ask(request: pytest.FixtureRequest, world: DiscordDriver) -> Asker:
    return Asker(world, typing=request.param)


def said(message: Json) -> str:
    (embed,) = message["embeds"]
    return f"{embed['title']} {embed.get('description', '')}"


def test_an_evening_of_points(guild: PointsGuild, ask: Asker) -> None:
    added = ask.answer("pointsadmin add", who="Mia", amount=500, reason="quiz")
    assert "**Mia** now has 🪙 500 points" in said(added)
    assert "🪙 500 points" in said(ask.answer("points balance", "mia"))
    assert "Changed by an admin: **+500**" in said(ask.answer("points why", "mia"))
    assert "quiz" in said(ask.answer("points why", who="Mia"))
    assert "10 hours of watchtime" in said(
        ask.answer("points give", "mia", who="Tom", amount="50%")
    )
    guild.set(gift_hours=0)
    given = said(ask.answer("points give", "mia", who="Tom", amount="50%"))
    assert "You gave 🪙 250 points to Tom. You have 250 left." in given
    assert "**Mia** · 250" in said(ask.answer("points board", "mia"))
    assert "/points buy tickets" in said(ask.answer("points buy", "mia"))
    refused = said(ask.answer("points buy", "mia", what="tickets 2"))
    assert "No raffle is open right now." in refused
    period(guild.tx, guild.id, utc_now() - timedelta(hours=1), utc_now() + timedelta(days=1))
    assert "Bought" in said(ask.answer("points buy", "mia", what="tickets 2"))
    assert "Manual" not in said(ask.answer("points economy", "mia"))
    limited = said(ask.answer("points limit", "mia", loss="1k"))
    assert "Daily limit: **1,000**" in limited
    assert "You're on a break from games until" in said(ask.answer("points break", "mia", days=7))
    assert "has 50" in said(ask.answer("pointsadmin remove", who="Mia", amount=51))
    assert "**Mia** now has 🪙 5 points" in said(ask.answer("pointsadmin set", who="Mia", amount=5))
    assert "Points are on" in said(ask.answer("pointsadmin status"))


def test_amounts_are_written_as_in_chat(guild: PointsGuild, ask: Asker) -> None:
    for amount, has in (
        ("5k", "5,000"),
        ("1,500", "6,500"),
        ("1.5k", "8,000"),
        ("$1m", "1,008,000"),
    ):
        added = said(ask.answer("pointsadmin add", who="Mia", amount=amount, reason="quiz 2 won"))
        assert f"**Mia** now has 🪙 {has} points" in added
    assert "now has 🪙 8,000 points" in said(
        ask.answer("pointsadmin remove", who="Mia", amount="1m")
    )
    assert "now has 🪙 2,000 points" in said(ask.answer("pointsadmin set", who="Mia", amount="2K"))
    nobody = ask.answer("pointsadmin role", role="Regular", amount="1k")
    assert "None of these members has linked an account." in said(nobody)
    for amount in ("many", "1.555k", "1.5", "half"):
        refused = said(ask.answer("pointsadmin add", who="Mia", amount=amount))
        assert f"“{amount}” is not a whole number." in refused
        assert "`amount`: " in refused
    assert "between 0 and " in said(ask.answer("pointsadmin add", who="Mia", amount="-5"))
    assert guild.balance(guild.viewer(MIA)) == {"earned": 2000}
    broken = ask.answer("points break", "mia", days="2 weeks")
    assert "You're on a break from games until" in said(broken)


@pytest.mark.parametrize("amount", ["5 000", "5 million", "5 k", "500 -"])
def test_typed_reason_is_no_part_of_the_amount(
    guild: PointsGuild, world: DiscordDriver, amount: str
) -> None:
    typed = Asker(world, typing=True)
    refused = said(typed.answer(f"pointsadmin add Mia {amount} quiz"))
    if amount == "500 -":
        assert "now has 🪙 500 points" in refused
    else:
        assert "is ambiguous" in refused


def test_a_season_is_ended_with_a_button(guild: PointsGuild, world: DiscordDriver) -> None:
    guild.give(guild.viewer(MIA), 100)
    ask = Asker(world, typing=False)
    question = ask.answer("pointsadmin season")
    assert "1 viewer with 100 points" in said(question)
    assert "Season 2 has started" in said(ask.press(question, "End the season"))
    assert guild.do(store.current_season) == 2


def test_an_import_is_looked_at_and_confirmed_with_a_button(
    guild: PointsGuild, world: DiscordDriver
) -> None:
    ask = Asker(world, typing=False)
    assert "/connect_streamelements" in said(ask.answer("pointsadmin import"))
    guild.do(imports.start_list, "Mia,700\nghost,5")
    question = ask.answer("pointsadmin import")
    assert "This adds **700** and removes **0**" in said(question)
    assert "Not found, skipped: ghost" in said(question)
    assert "1 balance changed, +700 points" in said(ask.press(question, "Import"))
    assert guild.balance(guild.viewer(MIA)) == {"won": 700}
    assert "no longer open" in said(ask.press(question, "Cancel"))
