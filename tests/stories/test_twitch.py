"""An evening on Twitch, over both of its transports: connecting, chat, gifts, watchtime, a kill."""

from collections.abc import Iterator

import pytest

from sandbox.kick.signing import SigningKey
from sandbox.twitch.driver import TwitchDriver
from tests.patience import until
from tests.stories.channels import connect_twitch
from tests.stories.direct_messages import answered, custom_id_of
from tests.stories.stage import GUILD, Stage, open_stage, title

NORA = 5_100_001
BURST = 60


@pytest.fixture(scope="module", params=["websocket", "webhook"])
def stage(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_url: str,
    signing_key: SigningKey,
) -> Iterator[Stage]:
    """One product for all tests of a transport."""
    folder, settings = tmp_path_factory.mktemp("twitch"), {"TWITCH_EVENTSUB": request.param}
    settings["SUBSCRIPTION_CHECK_SECONDS"] = "1"
    with open_stage(folder, postgres_url, signing_key, **settings) as opened:
        opened.start().wait_well()
        opened.discord.wait_command("connect_twitch")
        yield opened


@pytest.fixture
def connected(stage: Stage) -> TwitchDriver:
    """The streamer has connected, and everything is subscribed."""
    connect_twitch(stage)
    return stage.twitch


def test_request_from_chat_is_posted_and_chat_is_answered(
    stage: Stage, connected: TwitchDriver
) -> None:
    connected.chat("mia", "!call Book of Dead")
    post = stage.post_about("Book of Dead")
    assert "MadCats** on Twitch" in post["embeds"][0]["description"]
    connected.chat("mia", "!watchtime")
    line = connected.wait_for_line("@MadCats")
    assert line["by_app"]
    assert line["handle"] == "nora"


def test_watching_counts(stage: Stage, connected: TwitchDriver) -> None:
    connected.live()
    until(lambda: stage.scalar("SELECT count(*) FROM watchtime_streams"), "the stream is known")
    connected.chat("leo", "good evening")
    watched = (
        "SELECT count(*) FROM watchtime_totals t JOIN people_viewers v USING (guild_id, viewer_id)"
        " WHERE v.platform = 'twitch' AND v.name = 'lil_bean' AND t.watched > '0'"
    )
    until(lambda: stage.scalar(watched), "watchtime on Twitch")
    connected.do("offline")
    ended = "SELECT ended_at FROM watchtime_streams WHERE platform = 'twitch'"
    until(lambda: stage.scalar(ended), "the end of the stream")


def test_each_gift_counts_once(stage: Stage, connected: TwitchDriver) -> None:
    before = stage.scalar("SELECT count(*) FROM raffle_gifts")
    connected.fault(event__duplicate=1, event__duplicate_new_id=1)
    connected.gift("leo", count=5)
    connected.gift(None, count=1)
    connected.settle()
    connected.chat("leo", "done")
    done = "SELECT count(*) FROM inbox_events WHERE event = 'ChatMessageSent' AND key = :key"
    key = connected.transcript()[-1]["message_id"]
    until(lambda: stage.scalar(done, key=key), "everything is handled")
    assert stage.scalar("SELECT count(*) FROM raffle_gifts") - before == 6


def test_config_is_checked_in_discord(stage: Stage, connected: TwitchDriver) -> None:
    connected.chat("mia", "hello")

    def is_fine() -> bool:
        found = stage.asked("nora", "!check_twitch_config", "bot-log")
        return "Twitch is set up correctly" in found["title"]

    until(is_fine, "everything is in order")
    asked = stage.discord.slash("nora", "bot-log", "check_twitch_config", {})
    assert "channel.raid" in answered(stage, asked)["description"]
    tested = stage.discord.slash("nora", "bot-log", "twitch_selftest", {})
    assert "both directions" in answered(stage, tested)["title"]


def test_burst_survives_a_kill(stage: Stage, connected: TwitchDriver) -> None:
    """Webhooks are repeated until they get through. A WebSocket has no memory: what it delivered
    is handled once, and the chat after it is heard."""
    by_webhook = stage.settings["TWITCH_EVENTSUB"] == "webhook"
    connected.fault(
        webhook__retries=200,
        webhook__retry_delay_ms=100,
        event__duplicate_new_id=by_webhook * BURST,
    )
    callers = [f"caller{number}" for number in range(3)]
    for caller in callers:
        connected.do("account", handle=caller, name=caller)
    sent = {connected.chat("mia", f"line {number}") for number in range(BURST // 2)}
    stage.product.kill()
    for caller in callers:
        connected.chat(caller, f"!call Game of {caller}")
    sent |= {connected.chat("mia", f"line {number}") for number in range(BURST // 2, BURST)}
    stage.start().wait_well()
    connect_twitch(stage)
    connected.settle()
    last = connected.chat("mia", "the last")
    counted = "SELECT count(*) FROM inbox_events WHERE event = 'ChatMessageSent' AND key = :key"
    until(lambda: stage.scalar(counted, key=last), "the last line")
    keys = "SELECT key FROM inbox_events WHERE event = 'ChatMessageSent' AND guild_id = :guild"
    handled = {key for (key,) in stage.rows(keys, guild=GUILD)}
    stored = "SELECT body->>'message_id' FROM inbox_deliveries WHERE kind = 'channel.chat.message'"
    rows = [message_id for (message_id,) in stage.rows(stored)]
    assert set(rows) <= handled
    if by_webhook:
        assert sent <= handled
        posts = [title(stage.post_about(caller)) for caller in callers]
        found = [title(post) for post in stage.posts()]
        assert [found.count(post) for post in posts] == [1] * len(callers)
    else:
        assert len(rows) == len(set(rows)), "a line is stored twice"


def test_disconnecting_by_its_button(stage: Stage, connected: TwitchDriver) -> None:
    asked = stage.discord.slash("nora", "bot-log", "disconnect_twitch", {})
    question = answered(stage, asked)
    assert "Disconnect NoraPlays?" in question["title"]
    known = stage.discord.interaction(asked["interaction_id"])
    answers = [one for one in (known["response"], *known["followups"]) if one]
    message = next(one for one in answers if one.get("components"))
    pressed = stage.discord.click("nora", message["id"], custom_id_of(message, "Disconnect"))
    assert pressed
    until(lambda: not stage.scalar("SELECT count(*) FROM twitch_accounts"), "nothing is connected")
    none = "SELECT count(*) FROM guild_channels WHERE platform = 'twitch'"
    assert stage.scalar(none) == 1, "the channel stays"
