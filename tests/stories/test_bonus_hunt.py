"""An evening with a bonus hunt: two moderators, viewers who request and guess, the product killed
between the steps, and a browser that watches the overlay all the time, as OBS does."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from core.guilds import store as guilds
from core.kit.database.work import run_in_guild
from core.kit.runtime.crypto import vault_of
from core.kit.runtime.settings import read_settings
from core.overlays import actions as overlays
from sandbox.kick.signing import SigningKey
from tests.bonus_hunt.test_rules import sixty
from tests.draws.verifier import verify
from tests.patience import PATIENCE, until
from tests.slot_calls.scene import NOON
from tests.stories.channels import channels_of, connect_twitch
from tests.stories.stage import GUILD, SHORT_LEASE, SLOT_CALLS, Stage, open_stage, title

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file."""
    with open_stage(tmp_path_factory.mktemp("hunt"), postgres_url, signing_key) as opened:
        opened.waits = SHORT_LEASE
        opened.start().wait_well()
        opened.discord.wait_command("hunt show")
        opened.wait_subscribed()
        with opened.database.begin() as tx:
            guilds.set_setting(tx, GUILD, "slot_calls.cooldown_seconds", 0, set_by=1)
        opened.asked("nora", "!permissions grant bonus_hunt @Moderator")
        yield opened


def overlay(stage: Stage, kind: str) -> str:
    """The address to paste into OBS."""
    settings = read_settings(**{name.lower(): value for name, value in stage.settings.items()})
    with stage.database.begin() as tx:
        found = run_in_guild(tx, GUILD, 0, NOON, overlays.get_addresses, vault_of(settings), [kind])
    return f"http://localhost:{stage.port}/overlay/{found[kind].key}/{kind}"


def hunt(stage: Stage, person: str, command: str) -> str:
    """The answer to a typed command; the hunt's own message has fields."""
    asked = stage.discord.message(person, "bot-log", f"!hunt {command}")
    answer = stage.discord.wait_for(
        "bot-log",
        lambda m: m["author"] == "bot" and not m["embeds"][0].get("fields"),
        after=asked,
    )
    return title(answer)


def message(stage: Stage, *words: str) -> dict[str, Any]:
    """The hunt's message, once it says this."""
    return stage.discord.wait_for(
        "bot-log",
        lambda m: (
            m["author"] == "bot"
            and bool(m["embeds"][0].get("fields"))
            and all(word in str(m) for word in words)
        ),
    )


def click(stage: Stage, person: str, shown: dict[str, Any], label: str) -> str:
    """The interaction, to which a form may belong."""
    buttons = [component for row in shown["components"] for component in row["components"]]
    custom_id = next(button["custom_id"] for button in buttons if button["label"] == label)
    done = stage.discord.click(person, shown["message_id"], custom_id)
    return str(done["interaction_id"])


def press(stage: Stage, person: str, shown: dict[str, Any], label: str, **typed: str) -> None:
    interaction = click(stage, person, shown, label)
    if typed:
        stage.discord.modal(person, interaction, typed)


def crash(stage: Stage, name: str) -> None:
    stage.product.kill()
    stage.start(name=name).wait_well()
    connect_twitch(stage)  # what is written there while nobody listens is lost


def test_evening_with_two_moderators_and_a_crash_between_all_steps(
    stage: Stage, browser: Browser
) -> None:
    stage.kick.live(title="Bonus hunt")
    kick, twitch = channels_of(stage)
    with browser.new_context(viewport={"width": 1920, "height": 1080}) as obs:
        shown: Page = obs.new_page()
        shown.goto(overlay(stage, "hunt"))
        expect(shown.get_by_text("No bonus hunts yet.")).to_be_visible()
        assert "has started" in hunt(stage, "nora", "start Friday 10 EUR")
        expect(shown.get_by_role("heading")).to_contain_text("Friday")

        crash(stage, "collecting")
        stage.kick.chat("mia", "!call gates of olimpus")
        post = stage.post_about("Gates of Olympus")
        done = stage.discord.click("tomas", post["message_id"], "slot_calls:hunt:1")
        stage.discord.modal("tomas", done["interaction_id"], {"bet": "0.40"})
        expect(shown.get_by_text("Gates of Olympus")).to_be_visible()
        press(
            stage, "nora", message(stage, "Gates of Olympus"), "Add bonus", game="Mental", bet="1"
        )
        expect(shown.get_by_text("Mental")).to_be_visible()

        press(stage, "tomas", message(stage, "Mental"), "Open guessing")
        expect(shown.get_by_text("!guess amount")).to_be_visible()
        crash(stage, "guessing")
        for channel, person, amount in (
            *((kick, "mia", "€ 500"), (twitch, "leo", "19"), (kick, "mia", "25")),
            *((twitch, "leo", "20,5"), (twitch, "yuki", "NaN")),
        ):
            channel.say(person, f"!guess {amount}")
        guesses = "SELECT amount FROM bonus_hunt_guesses ORDER BY amount"
        until(
            lambda: stage.rows(guesses) == [(Decimal("20.5"),), (Decimal(25),)], "the last guesses"
        )

        press(stage, "nora", message(stage, "Close guessing"), "Open")
        expect(shown.get_by_text("Break-even")).to_contain_text("7.14×")
        opened = message(stage, "Result of #1")
        crash(stage, "opening")
        form = click(stage, "tomas", opened, "Result of #1")
        press(stage, "nora", opened, "Result of #1", payout="12")
        expect(shown.get_by_text("30.00×")).to_be_visible()
        stage.discord.modal("tomas", form, {"payout": "13"})  # Nora was faster
        first = "SELECT payout FROM bonus_hunt_bonuses WHERE position = 1"
        assert stage.scalar(first) == 12
        press(stage, "tomas", message(stage, "Result of #2"), "Result of #2", payout="9.50")
        press(stage, "nora", message(stage, "Undo"), "Undo")
        press(stage, "nora", message(stage, "Result of #2"), "Result of #2", payout="10")

        crash(stage, "finishing")
        press(stage, "tomas", message(stage, "Finish"), "Finish")
        expect(shown.get_by_text("+12")).to_be_visible()
        expect(shown.get_by_text("Best guess")).to_contain_text("lil_bean")
    finished = message(stage, "Finished.")
    chart = requests.get(finished["embeds"][0]["image"]["url"], timeout=PATIENCE)
    assert chart.content.startswith(b"\x89PNG")
    assert finished["components"] == []
    for channel in (kick, twitch):
        assert "lil_bean" in channel.wait_for_line("20.50")["text"]
    stage.kick.offline()


def test_overlay_comes_back_after_a_crash_and_ends_with_its_address(
    stage: Stage, browser: Browser
) -> None:
    with browser.new_context() as obs:
        shown = obs.new_page()
        address = overlay(stage, "requests")
        shown.goto(address)
        stage.kick.chat("leo", "!call Sugar Rush")
        expect(shown.get_by_text("Sugar Rush")).to_be_visible()
        stage.product.kill()
        expect(shown.get_by_text("Sugar Rush")).to_be_visible()
        stage.start(name="overlay").wait_well()
        stage.kick.chat("yuki", "!call Razor Shark")
        expect(shown.get_by_text("Razor Shark")).to_be_visible()
        settings = read_settings(**{name.lower(): value for name, value in stage.settings.items()})
        with stage.database.begin() as tx:
            run_in_guild(tx, GUILD, 1, NOON, overlays.rotate, vault_of(settings), "requests")
        stage.kick.chat("mia", "!call Mental")
        stage.product.kill()  # the address was changed by another process: nobody has told this one
        stage.start(name="rotated").wait_well()
        expect(shown.locator("main")).to_be_empty(timeout=PATIENCE * 1000)


def test_beacon_picks_a_request_that_anybody_can_check(stage: Stage) -> None:
    stage.kick.chat("leo", "!call Fire Joker")
    stage.post_about("Fire Joker")
    assert stage.asked("nora", "!slotcalls pick", "bot-log")["title"].startswith("🎲 Random pick")
    crash(stage, "picking")
    stage.discord.wait_for(SLOT_CALLS, lambda m: "▶️" in str(m) and "Random pick" in title(m))
    proof = stage.product.get(f"/p/{GUILD}/queue?proof=1").content
    bundle, _hashes = verify(proof, ahead=15)
    assert bundle["picks"][0]["account"].startswith("request:")


def test_hunt_of_sixty_bonuses_has_the_figures_that_were_computed_by_hand(stage: Stage) -> None:
    assert "has started" in hunt(stage, "nora", 'start "Sixty bonuses" 2.500,00')
    for n, (bet, _payout) in enumerate(sixty(), start=1):
        hunt(stage, "nora" if n % 2 else "tomas", f'add "Game {n}" {bet}')
    hunt(stage, "tomas", "open")
    for n, (_bet, payout) in enumerate(sixty(), start=1):
        who = "nora" if n % 2 else "tomas"
        hunt(stage, who, "skip" if payout == "-" else f"result {payout}")
    hunt(stage, "nora", "finish")
    fields = {
        f["name"]: f["value"]
        for f in message(stage, "Sixty bonuses", "Finished.")["embeds"][0]["fields"]
    }
    assert fields["Returned"] == "3,480.24 EUR"
    assert fields["Result"] == "+980.24 EUR"
    assert fields["Average"] == "45.55×"
