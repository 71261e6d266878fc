"""VIP for channel points, over both of Twitch's transports: from creating the reward to the end."""

import csv
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from sandbox.kick.signing import SigningKey
from sandbox.twitch.driver import TwitchDriver
from tests.browser import clean_page
from tests.patience import until
from tests.stories.channels import connect_twitch
from tests.stories.direct_messages import answered, custom_id_of
from tests.stories.stage import SHORT_LEASE, Stage, open_stage, title
from tests.stories.test_dashboard import DESK, address, log_in

YUKI = "yuki_snow"
CHANGE = """
    new Promise((done) => {
      document.body.addEventListener("htmx:finally:request", done, { once: true });
      document.body.dispatchEvent(new CustomEvent("changed-vips"));
    }).then(() => undefined)
"""
"""Make the lists load again, and wait for the end of it."""

ACTIVE = "SELECT count(*) FROM vips_sessions WHERE state = 'active'"


@pytest.fixture(scope="module", params=["websocket", "webhook"])
def stage(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_url: str,
    signing_key: SigningKey,
) -> Iterator[Stage]:
    """One product for all tests of a transport."""
    folder, settings = tmp_path_factory.mktemp("vips"), {"TWITCH_EVENTSUB": request.param}
    settings |= {"SUBSCRIPTION_CHECK_SECONDS": "1", "CRON_SECRET": "a-secret-for-stories"}
    with open_stage(folder, postgres_url, signing_key, **settings) as opened:
        opened.waits = SHORT_LEASE
        opened.start().wait_well()
        opened.discord.wait_command("vip list")
        yield opened


@pytest.fixture(scope="module")
def twitch(stage: Stage) -> TwitchDriver:
    """The streamer has connected, redemptions arrive, and a reward is for sale."""
    connect_twitch(stage)
    stage.asked("nora", "!settings set vips.log_channel #mods", "bot-log")
    stage.asked("nora", "!vip reward create VIP 500 1h", "bot-log")
    until(lambda: _channel(stage.twitch)["rewards"], "the reward on Twitch")
    return stage.twitch


def _channel(twitch: TwitchDriver) -> dict[str, list[str]]:
    found: dict[str, list[str]] = twitch.state()["channels"][0]
    return found


def _decided(twitch: TwitchDriver, redemption_id: str) -> str:
    def status() -> str | None:
        found = {
            redemption["id"]: redemption["status"]
            for redemption in twitch.state()["channels"][0]["redemptions"]
        }
        return found[redemption_id] if found[redemption_id] != "UNFULFILLED" else None

    return until(status, "a decision")


def test_redemption_is_granted_extended_and_told(stage: Stage, twitch: TwitchDriver) -> None:
    twitch.fault(event__duplicate=1, event__duplicate_new_id=1)
    redeemed = str(twitch.do("redeem", person="mia", title="VIP")["redemption_id"])
    assert _decided(twitch, redeemed) == "FULFILLED"
    assert "mia" in _channel(twitch)["vips"]
    assert "is now a VIP" in twitch.wait_for_line("@MadCats")["text"]
    again = str(twitch.do("redeem", person="mia", title="VIP")["redemption_id"])
    assert _decided(twitch, again) == "FULFILLED"
    mine = "SELECT minutes FROM vips_sessions JOIN people_viewers v USING (guild_id, viewer_id)"
    assert stage.scalar(f"{mine} WHERE state = 'active' AND v.name = 'MadCats'") == 120
    listed = stage.asked("nora", "!vip", "bot-log")
    assert f"{stage.scalar(ACTIVE)} active VIP" in listed["title"]
    assert "active VIP" in listed["title"]
    assert "MadCats" in listed["description"]


def test_kill_between_redemption_and_grant(stage: Stage, twitch: TwitchDriver) -> None:
    before = stage.scalar(ACTIVE)
    twitch.fault(webhook__retries=200, webhook__retry_delay_ms=100)
    twitch.fault(api__only="/channels/vips", api__500=1)
    redeemed = str(twitch.do("redeem", person="vera", title="VIP")["redemption_id"])
    stage.product.kill()
    missed = str(twitch.do("redeem", person="leo", title="VIP")["redemption_id"])
    stage.start().wait_well()
    assert _decided(twitch, redeemed) == "FULFILLED"
    assert _decided(twitch, missed) == "FULFILLED"
    assert stage.scalar(ACTIVE) == before + 2


def test_moderator_extends_and_takes_away_with_the_buttons_of_the_log(
    stage: Stage, twitch: TwitchDriver
) -> None:
    redeemed = str(twitch.do("redeem", person="mia", title="VIP")["redemption_id"])
    assert _decided(twitch, redeemed) == "FULFILLED"
    post = stage.discord.wait_for("mods", lambda m: "MadCats is now a VIP" in title(m))
    for label, answer in (
        ("Extend", "MadCats is now a VIP"),
        ("Remove", "MadCats is no longer a VIP"),
    ):
        pressed = stage.discord.click("nora", post["message_id"], custom_id_of(post, label))
        assert answer in answered(stage, pressed)["title"]
    until(lambda: "mia" not in _channel(twitch)["vips"], "VIP is taken away")
    stage.discord.wait_for("mods", lambda m: "MadCats is no longer a VIP" in title(m))


@pytest.mark.browser
@pytest.mark.parametrize("stage", ["websocket"], indirect=True)
def test_moderator_works_on_the_dashboard(
    stage: Stage, twitch: TwitchDriver, browser: Browser
) -> None:
    """Sell a reward, see who redeems, extend, take away, and read what happened."""
    with clean_page(browser, viewport=DESK) as page:
        log_in(stage, page, "NoraPlays")
        page.goto(address(stage, "vips/rewards"))
        form = page.locator("section", has=page.get_by_role("heading", name="Create a reward"))
        form.get_by_label("Title").fill("VIP weekend")
        form.get_by_label("Cost in channel points").fill("700")
        form.get_by_label("VIP for").fill("2d")
        form.get_by_role("button", name="Create").click()
        made = page.locator("section", has=page.get_by_role("heading", name="VIP weekend"))
        expect(made.get_by_text("on", exact=True)).to_be_visible()
        assert "VIP weekend" in str(_channel(twitch)["rewards"])

        page.goto(address(stage, "vips"))
        redeemed = str(twitch.do("redeem", person="yuki", title="VIP weekend")["redemption_id"])
        row = page.get_by_role("row", name=YUKI)
        expect(row).to_contain_text("in 2 days")  # without loading the page again
        expect(row).to_contain_text("channel points")
        row.get_by_role("textbox").fill("24h")
        row.get_by_role("button", name="Extend").click()
        expect(row).to_contain_text("in 3 days")
        row.get_by_text("Remove", exact=True).click()
        page.evaluate(CHANGE)  # does not close the question
        row.get_by_role("button", name="Yes, Remove").click()
        expect(row).to_have_count(0)
        assert "yuki" not in _channel(twitch)["vips"]

        page.goto(address(stage, "vips/activity"))
        entries = page.get_by_role("row", name=YUKI)
        expect(entries).to_have_count(3)
        expect(entries.last).to_contain_text(f"VIP weekend · 700 points · {redeemed}")
        page.get_by_label("What").select_option("extended")
        page.get_by_role("button", name="Filter").click()
        expect(entries).to_have_count(1)
        expect(entries).to_contain_text("NoraPlays")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download CSV").click()
        rows = list(csv.reader(download.value.path().open(encoding="utf-8-sig")))
        found = [row[1:5] for row in rows if YUKI in row]
        assert found == [["extended", YUKI, "Twitch", "NoraPlays"]]
