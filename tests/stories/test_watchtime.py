"""Watchtime end to end: linked, counted, asked for in Discord and in chat, corrected, excluded."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.people import store as people
from core.people.lookup import find_by_name
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.kick.signing import SigningKey
from sandbox.people import BY_HANDLE
from tests.patience import until
from tests.stories.channels import PLATFORMS, ChannelDriver, channel_of
from tests.stories.product import Json
from tests.stories.stage import Stage, open_stage
from tests.stories.stream import wait_settled


def instant(minutes_ago: float) -> str:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes_ago)
    return at.isoformat()


@pytest.fixture(scope="module", params=PLATFORMS)
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def channel(stage: Stage, platform: str) -> ChannelDriver:
    return channel_of(stage, platform)


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_url: str,
    signing_key: SigningKey,
    platform: str,
) -> Iterator[Stage]:
    """Mia watched fifteen minutes and leo ten; the stream is live, and mia is linked."""
    with open_stage(tmp_path_factory.mktemp("watchtime"), postgres_url, signing_key) as opened:
        product = opened.start()
        product.wait_well()
        opened.wait_subscribed()
        opened.discord.wait_command("watchtime")
        channel = channel_of(opened, platform)
        channel.go_live(instant(60))
        for person, minutes_ago in (("mia", 40), ("mia", 35), ("leo", 40)):
            channel.say(person, "hello from long ago", at=instant(minutes_ago))
        until(lambda: total(opened, "MadCats") == 15 * 60, "fifteen minutes for mia")
        until(lambda: total(opened, "lil_bean") == 10 * 60, "ten minutes for leo")
        link(opened, platform, "mia")
        yield opened


def total(stage: Stage, name: str) -> float:
    seconds = stage.scalar(
        "SELECT extract(epoch FROM watched) FROM watchtime_totals"
        " JOIN people_viewers USING (guild_id, viewer_id) WHERE name = :name",
        name=name,
    )
    return float(seconds or 0)


def link(stage: Stage, platform: str, person: str) -> None:
    """As if they had come through the platform's pages, which other stories do."""
    account = BY_HANDLE[person]
    with stage.database.begin() as tx:
        viewer = find_by_name(tx, NORAS_CORNER_ID, account.kick_name)
        assert viewer is not None
        now = datetime.now(UTC)
        people.add_link(tx, NORAS_CORNER_ID, account.discord_id, platform, viewer.viewer_id, now)


def own(stage: Stage, person: str = "mia") -> str:
    answer = stage.discord.slash(person, "general", "watchtime")["response"]
    assert answer["ephemeral"] is True
    return str(answer["embeds"][0]["description"])


def board(stage: Stage, message_id: str) -> Json:
    lines = stage.discord.transcript("general")
    return next(line for line in lines if line["message_id"] == message_id)


def test_member_sees_own_watchtime_in_discord_and_chat(
    stage: Stage, channel: ChannelDriver
) -> None:
    shown = own(stage)
    assert "## 15 min" in shown
    assert "🥇 rank **1** of 2" in shown
    channel.say("mia", "!watchtime")
    channel.wait_for_line("@MadCats you have watched 15 min, rank 1.")
    assert "Live and counting" in own(stage), "the question was a message, too"


def test_leaderboard_buttons_work_after_restart(stage: Stage) -> None:
    asked = stage.discord.message("mia", "general", "!leaderboard 1")
    posted = stage.discord.wait_for("general", lambda m: m["author"] == "bot", after=asked)
    assert stage.product.stop() == 0
    stage.start().wait_well()
    forward = next(
        item["custom_id"]
        for row in posted["components"]
        for item in row["components"]
        if item.get("label") == "Next"
    )
    stage.discord.click("mia", posted["message_id"], forward)
    until(
        lambda: r"lil\_bean" in board(stage, posted["message_id"])["embeds"][0]["description"],
        "the second page",
    )


def test_correction_appears_in_history_and_exclusion_removes_rank(stage: Stage) -> None:
    before = total(stage, "lil_bean")
    done = stage.asked("nora", "!watchadjust lil_bean 30 won the quiz")
    assert "Added 30 min" in done["title"]
    assert total(stage, "lil_bean") == before + 30 * 60
    assert "won the quiz" in stage.asked("nora", "!watchhistory lil_bean")["description"]
    assert "rank **2**" in own(stage)
    stage.asked("nora", "!watchexclude add lil_bean")
    assert "rank **1** of 1" in own(stage)
    stage.asked("nora", "!watchexclude remove lil_bean")
    assert "rank **2** of 2" in own(stage)
    stage.asked("nora", "!watchadjust lil_bean -30 for the other tests")
    assert total(stage, "lil_bean") == before


def test_viewers_earn_only_while_tracking_is_on(stage: Stage, channel: ChannelDriver) -> None:
    assert stage.asked("nora", "!tracking off")["title"] == "⚫ Watchtime is off"
    channel.say("yuki", "does this count?", at=instant(30))
    channel.settle()
    wait_settled(stage)  # what was said while it was off is handled while it is off
    assert stage.asked("nora", "!tracking on")["title"] == "🟢 Watchtime is on"
    channel.say("sam", "and this?", at=instant(30))
    until(lambda: total(stage, "SamOnKick") == 600, "ten minutes for sam")
    assert total(stage, "yuki_snow") == 0
    stage.asked("nora", "!watchexclude add SamOnKick")  # the other tests count two viewers
    assert "of 2" in own(stage)
