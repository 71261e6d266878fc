"""Ambiguous names: buttons in Discord, a choice on the dashboard, 409 from the API. And link
panels, which change when a server connects another platform."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from core.api_tokens import actions as tokens
from core.features import load_features
from core.guilds import store as guilds
from core.kit.database.connection import Database
from core.kit.database.work import Work
from core.kit.discord import choices as discord_choices
from core.kit.runtime.clock import utc_now
from core.people import store
from core.people.exclusions.records import Exclusion
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID
from tests.bot_rig import bot_in_discord
from tests.dashboard.site import GUILD, IDS, Site
from tests.patience import until

Json = dict[str, Any]
KICK, TWITCH = 41, 42


@pytest.fixture(scope="module")
def driver(database: Database) -> Iterator[DiscordDriver]:
    features = load_features()
    given = bot_in_discord(database, *features, until="auditlog", flask_secret_key="for-tests-only")
    with given as (found, _bot):
        yield found


@pytest.fixture
def both(driver: DiscordDriver, database: Database) -> Iterator[dict[str, int]]:
    """A MadCats on each platform."""
    with database.begin() as tx:
        found = {
            platform: store.set_viewer(tx, NORAS_CORNER_ID, platform, user_id, "MadCats", utc_now())
            for platform, user_id in (("kick", KICK), ("twitch", TWITCH))
        }
    yield found
    with database.begin() as tx:
        tx.exec_driver_sql("DELETE FROM people_exclusions")


def excluded(database: Database) -> list[int]:
    with database.begin() as tx, Work(tx, NORAS_CORNER_ID, now=utc_now()) as work:
        return list(work.scalars(select(Exclusion.viewer_id)))


def buttons(message: Json) -> dict[str, str]:
    return {
        component["label"]: component["custom_id"]
        for r in message["components"]
        for component in r["components"]
    }


def test_a_slash_command_asks_and_goes_on_with_the_choice(
    driver: DiscordDriver, database: Database, both: dict[str, int]
) -> None:
    asked = driver.slash("nora", "mods", "exclude add", {"who": "madcats", "reason": "cheats"})
    assert asked["response"]["ephemeral"]
    told = driver.transcript("mods")[-1]
    assert "on Kick and another one on Twitch" in told["embeds"][0]["title"]
    shown = buttons(told)
    assert list(shown) == ["MadCats (Twitch)", "MadCats (Kick)"]
    assert excluded(database) == []
    driver.click("nora", told["message_id"], shown["MadCats (Twitch)"])
    until(lambda: excluded(database) == [both["twitch"]], "the exclusion of who was chosen")


def test_a_typed_command_asks_whoever_typed_it(
    driver: DiscordDriver, database: Database, both: dict[str, int]
) -> None:
    line = driver.message("nora", "general", "!exclude add MadCats everything cheats")
    told = driver.wait_for("general", lambda message: message["author"] == "bot", after=line)
    button = buttons(told)["MadCats (Kick)"]
    answer = driver.click("mia", told["message_id"], button)["response"]
    assert "Only the person who ran this" in answer["embeds"][0]["title"]
    driver.click("nora", told["message_id"], button)
    until(lambda: excluded(database) == [both["kick"]], "the exclusion of who was chosen")


@pytest.mark.usefixtures("both")
def test_an_old_button_says_so(driver: DiscordDriver, database: Database) -> None:
    driver.slash("nora", "mods", "exclude add", {"who": "MadCats"})
    told = driver.transcript("mods")[-1]
    discord_choices._QUESTIONS.clear()  # as after a restart
    answer = driver.click("nora", told["message_id"], next(iter(buttons(told).values())))
    assert "have expired" in answer["response"]["embeds"][0]["title"]
    assert excluded(database) == []


def test_a_panel_is_edited_when_a_platform_is_connected(
    driver: DiscordDriver, database: Database
) -> None:
    def connect(platform: str) -> None:
        with database.begin() as tx:
            guilds.set_channel(tx, guilds.Channel(NORAS_CORNER_ID, platform, 7, "noraplays"))

    connect("kick")
    driver.slash("nora", "general", "setup_link_panel")

    def shown() -> Json:
        lines = driver.transcript("general")
        return next(m for m in reversed(lines) if m["embeds"] and m.get("pinned"))

    assert list(buttons(shown())) == ["Link Kick", "Unlink"]
    connect("twitch")
    wanted = ["Link Kick", "Link Twitch", "Unlink"]
    until(lambda: list(buttons(shown())) == wanted, "both buttons")
    assert "Link your Kick or Twitch account" in shown()["embeds"][0]["title"]


def test_the_dashboard_asks_and_sends_the_form_again(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        for platform, user_id in (("kick", KICK), ("twitch", TWITCH)):
            store.set_viewer(work.tx, GUILD, platform, user_id, "MadCats", work.now)
    nora, page = site.visitor("nora"), f"/g/{GUILD}/people"
    asked = nora.post(f"{page}/exclude", page=page, viewer="madcats", reason="cheats")
    assert asked.status_code == 422
    for reference in (f"kick:#{KICK}", f"twitch:#{TWITCH}"):
        assert f'name="viewer" value="{reference}"' in asked.text
    assert asked.text.count('name="reason" value="cheats"') >= 2
    done = nora.post(f"{page}/exclude", page=page, viewer=f"twitch:#{TWITCH}", reason="cheats")
    assert done.status_code == 303
    with site.services.work_in(GUILD) as work:
        chosen = work.scalars(select(Exclusion)).one()
        assert store.get_viewer(work.tx, GUILD, chosen.viewer_id).platform == "twitch"


def test_the_api_answers_with_the_choices(site: Site) -> None:
    with site.services.work_in(GUILD, IDS["nora"]) as work:
        for user_id, login in ((1, "yuki_one"), (2, "yuki_two")):
            store.set_viewer(work.tx, GUILD, "twitch", user_id, "雪", work.now, login)
        token = tokens.create_token(work, "a token", "write")
    answer = site.app.test_client().post(
        "/api/vip", json={"viewer": "雪"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 409
    found = json.loads(answer.text)
    assert {choice["send"] for choice in found["choices"]} == {"twitch:#1", "twitch:#2"}
