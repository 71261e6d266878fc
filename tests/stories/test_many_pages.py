"""Twenty overlays and dashboard tabs in one Chromium, without HTTP/2: each shows what has changed,
whichever of them are closed, and also in a browser in which pages cannot share a stream."""

import re
from collections.abc import Iterator
from itertools import cycle, islice

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core.guilds import store as guilds
from core.kit.database.work import run_in_guild
from core.kit.runtime.crypto import vault_of
from core.kit.runtime.settings import read_settings
from core.overlays import actions as overlays
from sandbox.kick.signing import SigningKey
from tests.kick.rig import NOON
from tests.stories.stage import GUILD, SHORT_LEASE, Stage, open_stage
from tests.stories.test_dashboard import address, log_in, wants

pytestmark = pytest.mark.browser

KINDS = ("requests", "leaderboard", "raffle", "hunt", "points", "heist", "events")
OVERLAYS, TABS = 14, 6


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file."""
    with open_stage(tmp_path_factory.mktemp("pages"), postgres_url, signing_key) as opened:
        opened.waits = SHORT_LEASE
        opened.start().wait_well()
        opened.discord.wait_command("dashboard")
        opened.wait_subscribed()
        with opened.database.begin() as tx:
            guilds.set_setting(tx, GUILD, "slot_calls.cooldown_seconds", 0, set_by=1)
            guilds.set_setting(tx, GUILD, "slot_calls.max_open", 9, set_by=1)
        yield opened


def open_pages(stage: Stage, context: BrowserContext) -> tuple[list[Page], list[Page]]:
    """Overlays of all kinds, each with its own address, and tabs of the dashboard."""
    settings = read_settings(**{name.lower(): value for name, value in stage.settings.items()})
    with stage.database.begin() as tx:
        found = run_in_guild(tx, GUILD, 0, NOON, overlays.get_addresses, vault_of(settings), KINDS)
    shown, tabs = [], []
    for kind in islice(cycle(KINDS), OVERLAYS):
        shown.append(context.new_page())
        shown[-1].goto(f"http://localhost:{stage.port}/overlay/{found[kind].key}/{kind}")
    for _tab in range(TABS):
        tabs.append(context.new_page())
        tabs[-1].goto(address(stage, "slot_calls"))
    return shown, tabs


def change(stage: Stage, theme: str, slot: str, shown: list[Page], tabs: list[Page]) -> None:
    """Something that every page shows."""
    with tabs[0].context.new_page() as page:
        page.goto(address(stage, "overlays"))
        page.get_by_label("Theme").select_option(theme)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status").first).to_be_visible()
    wants(stage, slot)
    for page in shown:
        expect(page.locator("html")).to_have_class(re.compile(f"theme-{theme}"))
        expect(page.locator(".panel")).to_have_count(1)
    for page in tabs:
        expect(page.get_by_role("row", name=slot)).to_be_visible()


def test_twenty_pages_of_one_browser_follow_changes(stage: Stage, browser: Browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        log_in(stage, page, "NoraPlays")
        page.close()
        shown, tabs = open_pages(stage, context)
        change(stage, "light", "Book of Dead", shown, tabs)
        for first in (shown.pop(0), tabs.pop(0), shown.pop()):
            first.close()
        change(stage, "clear", "Sugar Rush", shown, tabs)
        stage.product.kill()
        stage.start(name="again").wait_well()
        change(stage, "dark", "Razor Shark", shown, tabs)


def test_pages_that_cannot_share_a_stream_ask_again_and_again(
    stage: Stage, browser: Browser
) -> None:
    with browser.new_context() as context:
        context.add_init_script("delete window.SharedWorker")
        page = context.new_page()
        log_in(stage, page, "NoraPlays")
        page.close()
        shown, tabs = open_pages(stage, context)
        change(stage, "light", "Mental", shown, tabs)


def test_threads_are_left_with_many_browsers(stage: Stage, browser: Browser) -> None:
    """Each takes one thread, however many pages it shows."""
    contexts = [browser.new_context() for _browser in range(6)]
    for context in contexts:
        page = context.new_page()
        log_in(stage, page, "NoraPlays")
        for _tab in range(4):
            context.new_page().goto(address(stage, "slot_calls"))
    wants(stage, "Gates of Olympus")
    for context in contexts:
        for tab in context.pages[1:]:
            expect(tab.get_by_role("row", name="Gates of Olympus")).to_be_visible()
        context.close()
