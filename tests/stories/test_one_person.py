"""A viewer links Kick and Twitch, chats on both at once, and is one person everywhere; then they
unlink, are excluded, and are forgotten."""

import html
import re
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
import requests

from sandbox.kick.driver import KickDriver
from sandbox.kick.signing import SigningKey
from sandbox.twitch.driver import TwitchDriver
from tests.patience import PATIENCE, until
from tests.stories.channels import agree
from tests.stories.direct_messages import custom_id_of, direct_messages, next_direct_message
from tests.stories.stage import Json, Stage, open_stage
from tests.stories.test_first_story import instant

THEIRS = "SELECT viewer_id FROM people_links WHERE discord_id = 310000000000000003"
PEOPLE = f"SELECT count(DISTINCT person_id) FROM people_viewers WHERE viewer_id IN ({THEIRS})"


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    folder, settings = tmp_path_factory.mktemp("person"), {"TWITCH_EVENTSUB": "webhook"}
    settings |= {"SUBSCRIPTION_CHECK_SECONDS": "1", "WATCH_INTERVAL_SECONDS": "1"}
    with open_stage(folder, postgres_url, signing_key, **settings) as opened:
        opened.start().wait_well()
        opened.discord.wait_command("connect_twitch")
        yield opened


@pytest.fixture(scope="module")
def twitch(stage: Stage) -> Iterator[TwitchDriver]:
    """The pretend Twitch, with which the streamer has connected."""
    driver = TwitchDriver(stage.kick.base_url)
    seen = len(direct_messages(stage, "nora", "Connect Twitch"))
    stage.asked("nora", "!connect_twitch")
    invitation = next_direct_message(stage, "nora", "Connect Twitch", seen)
    agree(urls_of(invitation)[0], driver)
    driver.wait_for(lambda found: sum(one["status"] == "enabled" for one in found) >= 10)
    yield driver
    driver.close()


def urls_of(message: Json) -> list[str]:
    buttons = [one for row in message["components"] for one in row["components"]]
    return [str(one["url"]) for one in buttons if one.get("url")]


def follow(link: str, platform: KickDriver | TwitchDriver) -> str:
    """Open a personal link, go on to the platform, say yes as Mia; the last page."""
    browser = requests.Session()
    page = browser.get(link, timeout=PATIENCE, headers={"Accept": "text/html"})
    onward = re.search(r'href="([^"]+)"[^>]*>[^<]*continue on', page.text)
    assert onward, page.text
    left = browser.get(
        urljoin(link, html.unescape(onward[1])), timeout=PATIENCE, allow_redirects=False
    )
    return browser.get(platform.consent(left.headers["Location"], "mia"), timeout=PATIENCE).text


def test_one_message_links_both(stage: Stage, twitch: TwitchDriver) -> None:
    seen = len(direct_messages(stage, "mia", "Link your Kick or Twitch account"))
    stage.discord.message("mia", "general", "!link")
    invitation = next_direct_message(stage, "mia", "Link your Kick or Twitch account", seen)
    on_kick, on_twitch = urls_of(invitation)
    assert "Linked with" in follow(on_kick, stage.kick)
    assert "Linked with" in follow(on_twitch, twitch)
    assert stage.scalar(f"SELECT count(*) FROM ({THEIRS}) AS theirs") == 2
    assert stage.scalar(PEOPLE) == 1


def test_both_chats_at_once_count_once(stage: Stage, twitch: TwitchDriver) -> None:
    stage.kick.live(started_at=instant(60))
    twitch.live()
    stage.kick.chat("mia", "hello Kick")
    twitch.chat("mia", "hello Twitch")
    days = f"SELECT count(*) FROM watchtime_days WHERE viewer_id IN ({THEIRS})"
    until(lambda: stage.scalar(days) >= 2, "both chats are known")
    total = f"SELECT count(*) FROM watchtime_totals WHERE viewer_id IN ({THEIRS}) AND watched > '0'"
    until(lambda: stage.scalar(total) == 1, "one total for the person")
    ranked, _you, own = stage.asked("mia", "!leaderboard")["description"].partition("👉")
    assert ranked.count("MadCats") == 1
    assert "🥇" in own


def test_tickets_of_both_are_one_entry(stage: Stage, twitch: TwitchDriver) -> None:
    assert "is open" in stage.asked("nora", "!rafflestart")["title"]
    stage.kick.gift("mia", ["leo"])
    twitch.gift("mia", count=1)
    given = f"SELECT count(DISTINCT viewer_id) FROM raffle_entries WHERE viewer_id IN ({THEIRS})"
    until(lambda: stage.scalar(given) == 2, "gifts on both are credited")
    board = str(stage.asked("nora", "!raffleboard"))
    assert board.count("MadCats") == 1


def test_unlinking_asks_which_one(stage: Stage, twitch: TwitchDriver) -> None:
    asked = stage.discord.message("mia", "general", "!unlink")
    question = stage.discord.wait_for("general", lambda m: m["author"] == "bot", after=asked)
    unlink = custom_id_of(question, "Unlink Twitch")
    stage.discord.click("mia", question["message_id"], unlink)
    linked = f"SELECT count(*) FROM ({THEIRS}) AS theirs"
    until(lambda: stage.scalar(linked) == 1, "the Twitch account is unlinked")
    assert stage.scalar("SELECT count(*) FROM people_viewers WHERE represented_by IS NOT NULL") == 0
    assert stage.scalar(PEOPLE) == 1
    excluded = str(stage.asked("nora", "!exclude add kick:MadCats"))
    assert "MadCats" in excluded
