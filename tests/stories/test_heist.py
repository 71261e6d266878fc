"""A heist of viewers on Kick and Twitch, with the product killed between its steps and a browser
that watches the overlay and verifies the result."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, expect

from core.guilds import store as guilds
from core.kit.database.work import run_in_guild
from core.points import ledger
from core.points.ledger import NewEntry
from core.points.store import list_drift
from sandbox.kick.signing import SigningKey
from tests.draws.test_rolls import verify
from tests.patience import PATIENCE, until
from tests.slot_calls.scene import NOON
from tests.stories.channels import channel_of, connect_twitch
from tests.stories.stage import GUILD, SHORT_LEASE, Stage, open_stage
from tests.stories.test_bonus_hunt import overlay

pytestmark = pytest.mark.browser

CREW = ("mia", "leo", "yuki")
STATE = "SELECT state FROM heists ORDER BY number DESC LIMIT 1"


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """Points are on, and a heist opens for a minute."""
    with open_stage(tmp_path_factory.mktemp("heist"), postgres_url, signing_key) as opened:
        opened.waits = SHORT_LEASE
        opened.start().wait_well()
        opened.discord.wait_command("heist odds")
        opened.wait_subscribed()
        values = {
            "points.enabled": True,
            "heist.heist_duration": 60,
            "heist.start_heist_cooldown": 2,
            "heist.announce_ready": True,
            "heist.user_cooldown": 0,
            "heist.low_success_rate": 100,
            "heist.low_multiplier_max": 150,
            "heist.allow_inflation": True,
        }
        with opened.database.begin() as tx:
            for key, value in values.items():
                guilds.set_setting(tx, GUILD, key, value, set_by=1)
        yield opened


def enrich(stage: Stage) -> None:
    """Give everybody who was seen in chat 1,000 points."""
    with stage.database.begin() as tx:
        viewers = [row[0] for row in tx.exec_driver_sql("SELECT viewer_id FROM people_viewers")]
        new = [NewEntry(f"story:{viewer}", viewer, "earned", 1000) for viewer in viewers]
        run_in_guild(tx, GUILD, 0, NOON, ledger.post, "story", new)


def crash(stage: Stage, name: str) -> None:
    stage.product.kill()
    stage.start(name=name).wait_well()
    connect_twitch(stage)  # what is written there while nobody listens is lost


def end_joining(stage: Stage) -> None:
    """End the time to join now."""
    stage.rows("UPDATE heists SET closes_at = now() WHERE state = 'open' RETURNING 1")


def test_heist_of_two_platforms_survives_kills_and_can_be_verified(
    stage: Stage, browser: Browser
) -> None:
    kick, twitch = channel_of(stage, "kick"), channel_of(stage, "twitch")
    for person in CREW:
        (twitch if person == "yuki" else kick).say(person, "hello")
    seen = "SELECT count(*) FROM people_viewers WHERE platform IN ('kick', 'twitch')"
    until(lambda: stage.scalar(seen) >= len(CREW), "everybody was seen")
    enrich(stage)
    with browser.new_context(viewport={"width": 1920, "height": 1080}) as obs:
        shown = obs.new_page()
        shown.goto(overlay(stage, "heist"))
        expect(shown.get_by_text("No heists yet.")).to_be_visible()

        kick.say("mia", "!heist")
        kick.wait_for_line("A heist is starting!")
        twitch.wait_for_line("A heist is starting!")
        kick.say("mia", "!join 100")
        kick.say("leo", "!join 20% high")
        twitch.say("yuki", "!join all")
        kick.say("leo", "!join 500")
        joined = "SELECT count(*) FROM heist_players WHERE state = 'in'"
        until(lambda: stage.scalar(joined) == len(CREW), "three are in")
        expect(shown.get_by_text("1,300")).to_be_visible()
        crash(stage, "joined")
        end_joining(stage)
        until(lambda: stage.scalar(STATE) != "open", "the crew is locked")
        crash(stage, "locked")
        until(lambda: stage.scalar(STATE) in ("cooldown", "done"), "it is paid")
        expect(shown.get_by_text("/3")).to_be_visible()

    assert "3 players joined with 1,300 points" in kick.wait_for_line("🔒")["text"]
    assert "/3 won" in twitch.wait_for_line("🎭")["text"]
    kick.wait_for_line("The coast is clear")
    owed = "SELECT sum(payout) FROM heist_players"
    paid = "SELECT sum(amount) FROM points_entries WHERE account = 'heist' AND amount > 0"
    assert stage.scalar(owed) == stage.scalar(paid)
    with stage.database.begin() as tx:
        assert list_drift(tx) == []

    page = f"http://localhost:{stage.port}/p/{GUILD}/heists/1"
    bundle, _posted = verify(requests.get(f"{page}?proof=1", timeout=PATIENCE).content)
    assert sorted(result["account"].split(":")[0] for result in bundle["results"]) == [
        *("kick", "kick", "twitch")
    ]
    with browser.new_context() as anybody:
        open_page = anybody.new_page()
        open_page.goto(page)
        expect(open_page.locator("#verdict")).to_contain_text("Consistent", timeout=20_000)
        expect(open_page.locator("#checks")).to_contain_text("All 3 results follow")


def test_moderator_cancels_and_everybody_has_their_stake_again(stage: Stage) -> None:
    kick = channel_of(stage, "kick")
    until(lambda: stage.scalar(STATE) == "done", "the cooldown is over")
    before = stage.scalar("SELECT sum(points) FROM points_balances")
    answer = stage.asked("nora", "!heist start")
    assert "has started" in answer["title"]
    kick.say("mia", "!join 50")
    joined = "SELECT count(*) FROM heist_players WHERE heist = 2 AND state = 'in'"
    until(lambda: stage.scalar(joined) == 1, "Mia is in")
    assert "was cancelled" in stage.asked("nora", "!heist cancel")["title"]
    assert stage.scalar("SELECT sum(points) FROM points_balances") == before
