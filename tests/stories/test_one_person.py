"""A viewer links Kick and Twitch, chats on both at once, and is one person everywhere; then they
win a raffle, unlink, are excluded, and are forgotten."""

import html
import re
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
import requests

from core.guilds import store as guilds
from sandbox.discord.seed import channel_id
from sandbox.kick.driver import KickDriver
from sandbox.kick.signing import SigningKey
from sandbox.people import BY_HANDLE
from sandbox.twitch.driver import TwitchDriver
from tests.patience import PATIENCE, until
from tests.stories.channels import connect_twitch
from tests.stories.direct_messages import custom_id_of, direct_messages, next_direct_message
from tests.stories.stage import GUILD, Json, Stage, open_stage, title
from tests.stories.test_draw import asked_to_draw, beacon_is_away, becomes, fields, post
from tests.stories.test_first_story import instant
from tests.stories.test_privacy import file_in

THEIRS = "SELECT viewer_id FROM people_links WHERE discord_id = 310000000000000003"
PEOPLE = f"SELECT count(DISTINCT person_id) FROM people_viewers WHERE viewer_id IN ({THEIRS})"


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    folder, settings = tmp_path_factory.mktemp("person"), {"TWITCH_EVENTSUB": "webhook"}
    settings["RAFFLE_ANNOUNCEMENT_CHANNEL_ID"] = str(channel_id(GUILD, "raffle"))
    with open_stage(folder, postgres_url, signing_key, **settings) as opened:
        opened.waits = {"task:raffle.draw": 0.5, "core.raffle.draw.posts.ROLL_SECONDS": 0.2}
        opened.start().wait_well()
        opened.discord.wait_command("connect_twitch")
        yield opened


@pytest.fixture(scope="module")
def twitch(stage: Stage) -> TwitchDriver:
    """The fake Twitch, connected by the streamer."""
    connect_twitch(stage)
    return stage.twitch


def urls_of(message: Json) -> list[str]:
    buttons = [component for row in message["components"] for component in row["components"]]
    return [str(button["url"]) for button in buttons if button.get("url")]


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


def invited(stage: Stage, platforms: str) -> list[str]:
    """The links that `!link` sends to Mia."""
    words = f"Link your {platforms} account"
    seen = len(direct_messages(stage, "mia", words))
    stage.discord.message("mia", "general", "!link")
    return urls_of(next_direct_message(stage, "mia", words, seen))


def test_one_message_links_both(stage: Stage, twitch: TwitchDriver) -> None:
    on_kick, on_twitch = invited(stage, "Kick or Twitch")
    assert "Linked to" in follow(on_kick, stage.kick)
    assert "Linked to" in follow(on_twitch, twitch)
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
    with stage.database.begin() as tx:
        guilds.set_setting(tx, GUILD, "raffle.winners", 2, set_by=1)
    assert "is open" in stage.asked("nora", "!rafflestart")["title"]
    stage.kick.gift("mia", ["leo"])
    twitch.gift("mia", count=1)
    given = f"SELECT count(DISTINCT viewer_id) FROM raffle_entries WHERE viewer_id IN ({THEIRS})"
    until(lambda: stage.scalar(given) == 2, "gifts on both are credited")
    board = str(stage.asked("nora", "!raffleboard"))
    assert board.count("MadCats") == 1


def test_person_wins_once_though_one_account_is_unlinked_before_the_draw(
    stage: Stage, twitch: TwitchDriver
) -> None:
    stage.rows(
        "UPDATE raffle_periods SET starts_at = starts_at - interval '1 day', ends_at = now()"
        " RETURNING winners_wanted"
    )
    beacon_is_away(stage, True)
    becomes(stage, asked_to_draw(stage), "is frozen")
    frozen = fields(post(stage, "the tickets are frozen"))
    assert (frozen["Entrants"], frozen["Tickets"]) == ("1", "30")
    unlink(stage, "Kick")
    beacon_is_away(stage, False)
    post(stage, "MadCats wins raffle")
    picks = "SELECT discord_id, state FROM raffle_picks"
    assert stage.rows(picks) == [(BY_HANDLE["mia"].discord_id, "drawn")]
    next_direct_message(stage, "mia", "You won raffle", 0)
    (on_kick,) = invited(stage, "Kick")
    assert "Linked to" in follow(on_kick, stage.kick)


def asked_with_buttons(stage: Stage, command: str) -> Json:
    """The bot's question to Mia. The answer to an earlier command may still come before it."""
    asked = stage.discord.message("mia", "general", command)
    return stage.discord.wait_for(
        "general", lambda m: m["author"] == "bot" and bool(m["components"]), after=asked
    )


def unlink(stage: Stage, platform: str) -> None:
    """Mia asks, and presses one of two buttons."""
    linked = f"SELECT count(*) FROM ({THEIRS}) AS theirs"
    before = stage.scalar(linked)
    question = asked_with_buttons(stage, "!unlink")
    button = custom_id_of(question, f"Unlink {platform}")
    stage.discord.click("mia", question["message_id"], button)
    until(lambda: stage.scalar(linked) == before - 1, "the account is unlinked")


def test_unlinking_asks_which_one(stage: Stage, twitch: TwitchDriver) -> None:
    unlink(stage, "Twitch")
    assert stage.scalar("SELECT count(*) FROM people_viewers WHERE represented_by IS NOT NULL") == 0
    assert stage.scalar(PEOPLE) == 1
    excluded = str(stage.asked("nora", "!exclude add kick:MadCats"))
    assert "MadCats" in excluded


def test_forgetting_covers_both_accounts(stage: Stage, twitch: TwitchDriver) -> None:
    (on_twitch,) = invited(stage, "Twitch")
    assert "Linked to" in follow(on_twitch, twitch)
    ids = (BY_HANDLE["mia"].kick_user_id, BY_HANDLE["mia"].twitch_user_id)
    theirs = "SELECT viewer_id FROM people_viewers WHERE platform_user_id IN (:kick, :twitch)"
    viewers = {row for (row,) in stage.rows(theirs, kick=ids[0], twitch=ids[1])}
    assert len(viewers) == 2
    stage.discord.slash("mia", "general", "mydata")
    sent = file_in(stage.discord.wait_for("dm:mia", lambda m: bool(m["attachments"])))
    assert {account["user_id_there"] for account in sent["linked_accounts"]} == set(ids)
    said = "SELECT count(*) FROM inbox_deliveries WHERE body::text ~ 'hello (Kick|Twitch)'"
    assert stage.scalar(said) == 2
    question = asked_with_buttons(stage, "!forgetme")
    yes = custom_id_of(question, "Delete my data")
    stage.discord.click("mia", question["message_id"], yes)
    stage.discord.wait_for("general", lambda m: title(m) == "🧹 Your data was deleted")
    known = "SELECT platform_user_id, name FROM people_viewers WHERE viewer_id = ANY(:viewers)"
    assert set(stage.rows(known, viewers=list(viewers))) == {
        (-viewer_id, f"forgotten-{viewer_id}") for viewer_id in viewers
    }
    for table in ("watchtime_days", "people_links"):
        left = f"SELECT count(*) FROM {table} WHERE viewer_id = ANY(:viewers)"
        assert stage.scalar(left, viewers=list(viewers)) == 0
    assert stage.scalar(said) == 0
    for user_id in ids:
        found = "SELECT count(*) FROM inbox_deliveries WHERE body::text LIKE :id"
        assert stage.scalar(found, id=f'%"{user_id}"%') == 0
