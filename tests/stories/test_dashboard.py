"""The dashboard in a real browser: log in, work through the queue while chat runs, go on after a
restart. Every page of the navigation is checked for accessibility and for small screens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from core.kit.assets import PACKAGES
from sandbox.kick.signing import SigningKey
from tests.browser import PHONE, clean_page
from tests.patience import until
from tests.stories.stage import GUILD, Stage, open_stage

pytestmark = pytest.mark.browser

AXE = (PACKAGES / "axe-core" / "axe.min.js").read_text()
DESK = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file."""
    with open_stage(tmp_path_factory.mktemp("dashboard"), postgres_url, signing_key) as opened:
        opened.start().wait_well()
        opened.discord.wait_command("dashboard")
        opened.tuned_in()
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
        row.get_by_role("button", name="Done").click()
        expect(page.get_by_text("Book of Dead was played.")).to_be_visible()
        expect(row).to_have_count(0)
    until(lambda: _footer_of_post(stage, "Played"), "the post in Discord")


def _footer_of_post(stage: Stage, word: str) -> bool:
    lines = stage.discord.transcript("slot-calls")
    return any(word in (e.get("description") or "") for line in lines for e in line["embeds"])


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
        second.get_by_role("button", name="Done").first.click()
        expect(second.get_by_role("alert")).to_contain_text("is already closed")


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
    with clean_page(browser, storage_state=login, bypass_csp=True, **options) as page:
        page.goto(address(stage))
        links = page.locator("nav.menu a").evaluate_all("links => links.map(link => link.href)")
        assert len(links) > 1
        for link in [*links, f"http://localhost:{stage.port}/servers"]:
            page.goto(link)
            assert (
                page.evaluate("() => document.documentElement.scrollWidth")
                <= (options["viewport"]["width"])
            ), link
            page.evaluate(AXE)
            result = page.evaluate("() => axe.run()")
            found |= {
                f"{link} {one['id']}": [node["html"][:200] for node in one["nodes"]]
                for one in result["violations"]
            }
    assert found == {}
