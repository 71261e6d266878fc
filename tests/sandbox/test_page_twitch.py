"""The column of Twitch on the sandbox's page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from sandbox.twitch.driver import TwitchDriver
from tests.browser import PHONE
from tests.patience import until
from tests.sandbox import page_rig
from tests.sandbox.page_rig import Place, visit

pytestmark = pytest.mark.browser

WIDE = {"width": 1760, "height": 900}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with page_rig.place() as there:
        yield there


@pytest.fixture(scope="module")
def twitch(place: Place) -> Iterator[TwitchDriver]:
    driver = TwitchDriver(place.discord.base_url)
    yield driver
    driver.close()


def test_viewer_chats_and_gives_in_a_third_column(place: Place, twitch: TwitchDriver) -> None:
    with visit(place, "as=mia", viewport=WIDE) as opened:
        page = opened.page
        for pane in ("#discord", "#kick", "#twitch"):
            expect(page.locator(pane)).to_be_visible()
        box = page.get_by_label("Chat on Twitch as MadCats")
        box.fill("hello Twitch")
        box.press("Enter")
        expect(page.locator("#twitch-chat")).to_contain_text("hello Twitch")
        page.get_by_role("button", name="Go live").last.click()
        until(lambda: twitch.state()["channels"][0]["is_live"], "live on Twitch")
        page.locator("[data-twitch=gift-5]").click()
        until(lambda: len(twitch.state()["accounts"]) >= 12, "five giftees")
        opened.check()


def test_twitch_is_a_tab_where_there_is_less_room(place: Place, twitch: TwitchDriver) -> None:
    twitch.chat("leo", "from the driver")
    for viewport in ({"width": 1280, "height": 800}, PHONE):
        with visit(place, "as=mia", viewport=viewport) as opened:
            page = opened.page
            expect(page.locator("#twitch")).to_be_hidden()
            page.get_by_role("tab", name="Twitch").click()
            expect(page.locator("#twitch-chat")).to_contain_text("from the driver")
            expect(page.locator("#kick")).to_be_hidden()
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= viewport["width"]
            opened.check()
