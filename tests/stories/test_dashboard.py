"""The dashboard in a real browser: log in, work through the queue while chat runs, go on after a
restart. Every page of the navigation is checked for accessibility and for small screens."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from core.guilds import store as guilds
from core.kit.web.assets import PACKAGES
from sandbox.kick.bodies import EVENT_TYPES
from sandbox.kick.signing import SigningKey
from tests.browser import PHONE, clean_page
from tests.patience import until
from tests.stories.stage import GUILD, SHORT_LEASE, Stage, open_stage

pytestmark = pytest.mark.browser

AXE = (PACKAGES / "axe-core" / "axe.min.js").read_text()
DESK = ViewportSize(width=1280, height=800)
CHANGE = 'document.body.dispatchEvent(new CustomEvent("changed-slot_calls"))'
HOLD_NEXT_ANSWER = """() => {
  const fetch = window.fetch;
  window.fetch = async (...request) => {
    window.fetch = fetch;
    const answer = await fetch(...request);
    const body = await answer.text();
    await new Promise((resolve) => { window.release = resolve; });
    return new Response(body, { status: answer.status, headers: answer.headers });
  };
}"""
"""The next part of the page to load has its answer, but does not get it before
`window.release()`."""


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file."""
    with open_stage(tmp_path_factory.mktemp("dashboard"), postgres_url, signing_key) as opened:
        opened.waits = SHORT_LEASE
        opened.start().wait_well()
        opened.discord.wait_command("dashboard")
        opened.wait_subscribed()
        with opened.database.begin() as tx:
            guilds.set_setting(tx, GUILD, "slot_calls.cooldown_seconds", 0, set_by=1)
        yield opened


@pytest.fixture(scope="module")
def login(stage: Stage, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cookies of NoraPlays, who logged in once."""
    file = tmp_path_factory.mktemp("login") / "state.json"
    with clean_page(browser, viewport=DESK) as page:
        log_in(stage, page, "NoraPlays")
        page.context.storage_state(path=file)
    return file


def address(stage: Stage, path: str = "") -> str:
    return f"http://localhost:{stage.port}/g/{GUILD}/{path}"


def log_in(stage: Stage, page: Page, person: str) -> None:
    """From a page's address through Discord's consent back to the page."""
    page.goto(address(stage))
    page.get_by_role("link", name="Continue with Discord").click()
    page.get_by_role("button", name=person, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def follow_nothing(page: Page) -> None:
    """Answer the page's own stream; one that is shared by pages cannot be answered here."""
    page.add_init_script("delete window.SharedWorker")
    page.route("**/live?*", lambda route: route.fulfill(status=204))


def wants(stage: Stage, slot: str, person: str = "mia") -> None:
    stage.kick.chat(person, f"!call {slot}")


def test_requests_appear_while_the_page_is_open_and_are_closed_there(
    stage: Stage, browser: Browser, login: Path
) -> None:
    with clean_page(browser, viewport=DESK, storage_state=login) as page:
        page.goto(address(stage, "slot_calls"))
        expect(page.get_by_text("The queue is empty")).to_be_visible()
        wants(stage, "Book of Dead")
        row = page.get_by_role("row", name="Book of Dead")
        expect(row).to_be_visible()
        row.get_by_role("button", name="Played").click()
        expect(page.get_by_text("Marked Book of Dead as played.")).to_be_visible()
        expect(row).to_have_count(0)
    until(lambda: _footer_of_post(stage, "Played"), "the post in Discord")


def _footer_of_post(stage: Stage, word: str) -> bool:
    lines = stage.discord.transcript("slot-calls")
    return any(word in (e.get("description") or "") for line in lines for e in line["embeds"])


def test_overview_draws_its_chart_again_while_chat_runs(
    stage: Stage, browser: Browser, login: Path
) -> None:
    """Without breaking the policy for style sheets, which a clean page reports."""
    stage.kick.live(title="Chart")
    with clean_page(browser, viewport=DESK, storage_state=login) as page:
        page.goto(address(stage))
        expect(page.locator("#viewers canvas[data-drawn]")).to_be_visible()
        with page.expect_response(lambda answer: answer.url.endswith("/watchtime/viewers")):
            stage.kick.chat("leo", "hello")
        expect(page.locator("#viewers canvas[data-drawn]")).to_be_visible()
    stage.kick.offline()


def test_change_while_a_part_loads_is_not_lost(stage: Stage, browser: Browser, login: Path) -> None:
    with clean_page(browser, viewport=DESK, storage_state=login) as page:
        follow_nothing(page)  # changes come from here
        page.goto(address(stage, "slot_calls"))
        page.evaluate(HOLD_NEXT_ANSWER)
        page.evaluate(CHANGE)
        until(lambda: page.evaluate("typeof window.release") == "function", "a held answer")
        wants(stage, "Money Train")
        until(lambda: "Money Train" in page.request.get(page.url).text(), "the request")
        page.evaluate(CHANGE)
        page.evaluate("window.release()")
        row = page.get_by_role("row", name="Money Train")
        row.get_by_role("button", name="Skip").click()
        expect(row).to_have_count(0)


def test_part_stays_when_it_cannot_be_loaded_again(
    stage: Stage, browser: Browser, login: Path
) -> None:
    with clean_page(browser, viewport=DESK, storage_state=login) as page:
        follow_nothing(page)
        page.goto(address(stage, "slot_calls"))
        page.route(page.url, lambda route: route.fulfill(status=502, body="<p>Bad gateway</p>"))
        for _ in range(2):
            with page.expect_response(page.url):
                page.evaluate(CHANGE)
        page.unroute(page.url)
        expect(page.get_by_role("heading", name="Queue")).to_be_visible()
        wants(stage, "Reactoonz")
        until(lambda: "Reactoonz" in page.request.get(page.url).text(), "the request")
        page.evaluate(CHANGE)
        row = page.get_by_role("row", name="Reactoonz")
        row.get_by_role("button", name="Skip").click()
        expect(row).to_have_count(0)


def test_two_moderators_cannot_close_a_request_twice(
    stage: Stage, browser: Browser, login: Path
) -> None:
    wants(stage, "Sugar Rush", "leo")
    with (
        clean_page(browser, storage_state=login, java_script_enabled=False) as first,
        clean_page(browser, storage_state=login, java_script_enabled=False) as second,
    ):
        first.goto(address(stage, "slot_calls"))
        until(lambda: first.reload() and first.get_by_text("Sugar Rush").count(), "the request")
        second.goto(address(stage, "slot_calls"))
        first.get_by_role("button", name="Skip").first.click()
        second.get_by_role("button", name="Played").first.click()
        expect(second.get_by_role("alert")).to_contain_text("is already closed")


def test_overlay_is_previewed_and_its_address_is_copied(
    stage: Stage, browser: Browser, login: Path
) -> None:
    with clean_page(
        browser, viewport=DESK, storage_state=login, permissions=["clipboard-read"]
    ) as page:
        page.goto(address(stage, "overlays"))
        preview = page.frame_locator("iframe[title='Preview: Raffle']")
        expect(preview.locator("html")).to_have_class(re.compile("theme-dark"))
        page.get_by_label("Theme").select_option("light")
        page.get_by_label("Heading of raffle").fill("Win this")
        expect(preview.locator("html")).to_have_class(re.compile("theme-light"))
        expect(preview.get_by_role("heading")).to_have_text("Win this")
        card = page.locator("section").filter(has_text="Raffle").filter(has=page.locator("iframe"))
        field = card.get_by_label("Address", exact=True)
        expect(field).to_be_hidden()
        card.get_by_text("Show the address").click()
        card.get_by_role("button", name="Copy").click()
        expect(card.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == field.input_value()


def test_page_goes_on_after_the_product_was_killed(
    stage: Stage, browser: Browser, login: Path
) -> None:
    # Not a clean page: the browser reports each connection that is refused meanwhile.
    with browser.new_context(storage_state=login) as context:
        page = context.new_page()
        page.goto(address(stage, "slot_calls"))
        stage.product.kill()
        stage.start(name="again").wait_well()
        wants(stage, "Razor Shark", "yuki")
        expect(page.get_by_role("row", name="Razor Shark")).to_be_visible()


def test_members_get_their_own_page_only(stage: Stage, browser: Browser) -> None:
    with clean_page(browser, viewport=PHONE) as page:
        page.goto(f"http://localhost:{stage.port}/me/{GUILD}")
        page.get_by_role("link", name="Continue with Discord").click()
        page.get_by_role("button", name="MadCats", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("MadCats")
        page.goto(address(stage))
        expect(page.get_by_role("heading", level=1)).to_contain_text("for the moderators")


def test_new_server_is_set_up_without_typing_a_command(stage: Stage, browser: Browser) -> None:
    """From the first login to the first slot request, by somebody else than the first server's
    streamer."""
    with clean_page(browser, viewport=DESK) as page:
        page.goto(f"http://localhost:{stage.port}/servers")
        page.get_by_role("link", name="Continue with Discord").click()
        page.get_by_role("button", name="VeraSpins", exact=True).click()
        page.get_by_role("link", name="Vera's Den").click()
        overview = page.url
        checklist = page.locator("#setup li")
        first = checklist.filter(has_text="Enter the name of the Kick channel")
        first.get_by_role("link", name="Kick connection").click()
        page.get_by_label("Name of the Kick channel").fill("veraspins")
        page.get_by_role("button", name="Follow this channel").click()
        connection = page.url
        page.get_by_role("button", name="Link Kick account").click()
        page.get_by_role("link", name="Continue on Kick").click()
        page.get_by_role("button", name="VeraSpins").click()
        expect(page).to_have_url(connection)  # where it began
        expect(page.get_by_text("VeraSpins is connected")).to_be_visible()
        expect(page.get_by_text("Connected", exact=True)).to_be_visible()
        page.goto(overview + "link_panels")
        page.get_by_label("Channel").select_option(label="#general")
        page.get_by_role("button", name="Post").click()
        expect(page.get_by_text("Works")).to_be_visible()

        page.goto(overview + "slot_calls")
        page.get_by_label("Channel").select_option(label="#slot-calls")
        page.get_by_role("button", name="Save").click()
        until(lambda: _hears(stage, "veraspins"), "the subscriptions of the new channel")
        page.goto(connection)
        page.get_by_role("button", name="Chat self-test").click()
        expect(page.get_by_text("Chat test passed")).to_be_visible()

        page.goto(overview + "slot_calls")
        stage.kick.chat("mia", "!call Gates of Olympus", channel="vera")
        expect(page.get_by_role("row", name="Gates of Olympus")).to_be_visible()
        page.goto(overview)
        for step in ("Link the streamer's Kick account", "Post the link panel", "Test Kick's chat"):
            done = checklist.filter(has_text=step).locator(".state-ok")
            expect(done).to_have_count(1)
        expect(page.locator("#activity")).to_contain_text("requested Gates of Olympus")
    posts = stage.discord.transcript("slot-calls", guild="Vera's Den")
    assert "Gates of Olympus" in str(posts)


def _hears(stage: Stage, slug: str) -> bool:
    state = stage.kick.state()
    channel = next(channel for channel in state["channels"] if channel["slug"] == slug)
    subscribed = {
        subscription["event"]
        for subscription in state["webhooks"]["subscriptions"]
        if str(subscription["broadcaster_user_id"]) == str(channel["broadcaster_user_id"])
    }
    return subscribed >= set(EVENT_TYPES)


def test_stream_evening_with_two_moderators(stage: Stage, browser: Browser, login: Path) -> None:
    """Two browsers show the same while chat runs, whoever acts, and go on after a crash."""
    with (
        browser.new_context(storage_state=login, viewport=DESK) as desk,
        browser.new_context(storage_state=login, viewport=PHONE) as phone,
    ):
        pages = [desk.new_page(), phone.new_page()]
        first, second = pages
        for page in pages:
            page.goto(address(stage, "slot_calls"))
        stage.kick.live(title="Friday")
        for slot, person in (("Fire Joker", "mia"), ("Starburst", "leo"), ("Jammin' Jars", "yuki")):
            wants(stage, slot, person)
            for page in pages:
                expect(page.get_by_role("row", name=slot)).to_be_visible()
        first.get_by_role("row", name="Fire Joker").get_by_role("button", name="Played").click()
        expect(second.get_by_role("row", name="Fire Joker")).to_have_count(0)
        stage.product.kill()
        stage.start(name="evening").wait_well()
        row = second.get_by_role("row", name="Starburst")
        row.get_by_role("button", name="Skip").click()
        expect(first.get_by_role("row", name="Starburst")).to_have_count(0)
        for page in pages:
            expect(page.get_by_role("row", name="Jammin' Jars")).to_be_visible()
        first.goto(address(stage))
        expect(first.get_by_text("Live", exact=True)).to_be_visible()
        expect(first.locator("#activity")).to_contain_text("requested Jammin' Jars")
        stage.kick.offline()
        expect(first.get_by_text("Offline", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"viewport": DESK, "color_scheme": "dark"}, id="dark"),
        pytest.param({"viewport": PHONE, "color_scheme": "light"}, id="light, phone"),
    ],
)
def test_every_page_is_accessible_and_fits_the_screen(
    stage: Stage, browser: Browser, login: Path, options: dict[str, Any]
) -> None:
    found: dict[str, list[str]] = {}
    stage.kick.chat("leo", "hello")
    viewers = "SELECT count(*) FROM people_viewers WHERE guild_id = :guild"
    until(lambda: stage.scalar(viewers, guild=GUILD), "a viewer")
    with clean_page(browser, storage_state=login, bypass_csp=True, **options) as page:
        page.goto(address(stage))
        links = page.locator("nav.menu a").evaluate_all("links => links.map(link => link.href)")
        assert len(links) > 1
        base = f"http://localhost:{stage.port}"
        public = ("leaderboard", "raffle", "status")
        others = [
            f"{base}/servers",
            f"{base}/me/{GUILD}",
            *(f"{base}/p/{GUILD}/{page_name}" for page_name in public),
        ]
        page.goto(address(stage, "people"))
        person = page.locator("tbody th a").first.get_attribute("href")
        for link in [*links, *others, f"{base}{person}", f"{base}{person}/history"]:
            page.goto(link)
            assert (
                page.evaluate("() => document.documentElement.scrollWidth")
                <= (options["viewport"]["width"])
            ), link
            page.evaluate(AXE)
            result = page.evaluate("() => axe.run({resultTypes: ['violations']})")
            found |= {
                f"{link} {violation['id']}": [node["html"][:200] for node in violation["nodes"]]
                for violation in result["violations"]
            }
    assert found == {}
