"""An evening on Twitch, over both of its transports: connecting, chat, gifts, watchtime, a kill."""

from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from sandbox.discord.seed import VERAS_DEN_ID
from sandbox.kick.signing import SigningKey
from sandbox.twitch.driver import TwitchDriver
from tests.patience import PATIENCE, until
from tests.stories.channels import connect_twitch
from tests.stories.direct_messages import (
    answered,
    custom_id_of,
    direct_messages,
    next_direct_message,
)
from tests.stories.stage import GUILD, SHORT_LEASE, Json, Stage, open_stage, title

BURST = 60
DEN, RECONNECT = "Vera's Den", "Twitch has to be connected again"


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
        opened.waits = SHORT_LEASE
        opened.start().wait_well()
        opened.discord.wait_command("connect_twitch")
        yield opened


@pytest.fixture
def connected(stage: Stage) -> TwitchDriver:
    """The streamer has connected, is offline, and everything is subscribed."""
    connect_twitch(stage)
    for channel in stage.twitch.state()["channels"]:
        if channel["is_live"]:
            stage.twitch.do("offline", channel=channel["handle"])
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
    assert "Chat test passed" in answered(stage, tested)["title"]


def test_burst_survives_a_kill(stage: Stage, connected: TwitchDriver) -> None:
    """Webhooks are repeated until they get through. A WebSocket has no memory: what it delivered
    is handled once, and the chat after it is received."""
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


def servers_of(stage: Stage, *message_ids: str) -> set[int]:
    """The servers for which at least one of these chat messages counts."""
    servers = "SELECT DISTINCT guild_id FROM inbox_events WHERE event = 'ChatMessageSent'"
    found = stage.rows(f"{servers} AND key = ANY(:ids)", ids=list(message_ids))
    return {guild_id for (guild_id,) in found}


def test_each_event_is_recorded_as_a_fact(stage: Stage, connected: TwitchDriver) -> None:
    facts = "SELECT event, count(*) FROM inbox_events WHERE guild_id = :guild GROUP BY event"
    before = Counter(dict(stage.rows(facts, guild=GUILD)))
    fans = [f"fan{number}" for number in range(4)]
    for fan in fans:
        connected.do("account", handle=fan, name=fan)
    connected.do("subscribe", person=fans[0], tier="2000")
    connected.do("renew", person=fans[1], months=7)
    connected.gift("leo", fans[2:])
    connected.do("cheer", person="mia", bits=100)
    connected.do("raid", person="vera", viewers=12)
    connected.do("metadata", title="Bonus hunt")
    connected.do("ban", person=fans[0])
    wanted = Counter(
        SubscriptionStarted=1,
        SubscriptionRenewed=1,
        SubGifted=2,
        BitsCheered=1,
        ChannelRaided=1,
        StreamChanged=1,
        ViewerBanned=1,
    )

    def more() -> bool:
        since = Counter(dict(stage.rows(facts, guild=GUILD))) - before
        return {name: since[name] for name in wanted} == dict(wanted)

    until(more, f"exactly {wanted}")


def test_two_servers_on_one_channel(stage: Stage, connected: TwitchDriver) -> None:
    """Each has its own watchtime, one of them answers in chat, and one disconnecting does not end
    the other's connection."""
    connect_twitch(stage, "vera", "nora", DEN)
    connected.live()
    streams = "SELECT count(*) FROM watchtime_streams"
    streams += " WHERE platform = 'twitch' AND ended_at IS NULL"
    until(lambda: stage.scalar(streams) == 2, "the stream is known in both servers")
    connected.do("account", handle="guest", name="Guest")
    connected.chat("guest", "!call Wanted")
    watched = (
        "SELECT guild_id FROM watchtime_totals t JOIN people_viewers v USING (guild_id, viewer_id)"
        " WHERE v.name = 'Guest' AND t.watched > '0' ORDER BY 1"
    )
    both = sorted([(GUILD,), (VERAS_DEN_ID,)])
    until(lambda: stage.rows(watched) == both, "watchtime in both")
    stage.asked("nora", "!watchexclude add twitch:Guest")
    excluded = "SELECT DISTINCT guild_id FROM people_exclusions WHERE scope = 'watchtime'"
    assert stage.rows(excluded) == [(GUILD,)], "what one server decides is its own business"
    stage.post_about("Wanted")
    called = "SELECT guild_id FROM slot_calls WHERE slot = 'Wanted'"
    assert stage.rows(called) == [(GUILD,)], "the server that answers takes requests"

    def answers() -> list[Json]:
        return [
            message
            for message in connected.transcript()
            if message["by_app"] and "Wanted" in message["text"]
        ]

    until(answers, "the answer in chat")
    # Vera's was connected last, so it is her server's token that is used.
    asked = stage.discord.slash("vera", "general", "disconnect_twitch", {}, guild=DEN)
    answered(stage, asked)
    press(stage, "vera", asked, "Disconnect")
    left = "SELECT guild_id FROM twitch_accounts"
    until(lambda: stage.rows(left) == [(GUILD,)], "Vera's server is disconnected")
    said: list[str] = []

    def hears() -> bool:
        """By WebSocket, what is said until the other token has a socket is lost."""
        said.append(connected.chat("mia", f"Is anybody listening? {len(said)}"))
        return GUILD in servers_of(stage, *said)

    until(hears, "Nora's server hears the chat")
    assert len(answers()) == 1


def test_dead_token_is_shown_and_the_other_channel_goes_on(
    stage: Stage, connected: TwitchDriver
) -> None:
    connect_twitch(stage, "vera", "vera", DEN)
    alerts = len(direct_messages(stage, "nora", RECONNECT))
    connected.do("remove_app", person="nora")  # her tokens end, and are not renewed
    next_direct_message(stage, "nora", RECONNECT, alerts)
    meanwhile = connected.chat("leo", "Hello, Vera!", channel="vera")
    until(lambda: servers_of(stage, meanwhile) == {VERAS_DEN_ID}, "Vera's channel goes on")
    shown = stage.asked("nora", "!check_twitch_config", "bot-log")
    assert "Run `/connect_twitch`" in str(shown)
    assert "Has to be connected again" in twitch_page(stage, "nora")

    gaps = "SELECT count(*) FROM inbox_events WHERE event = 'EventsMissed' AND guild_id = :guild"
    before = stage.scalar(gaps, guild=GUILD)
    connected.live()  # while nobody listens
    connect_twitch(stage)
    until(lambda: stage.scalar(gaps, guild=GUILD) > before, "features read their lists again")
    began = "SELECT count(*) FROM watchtime_streams WHERE guild_id = :guild AND ended_at IS NULL"
    until(lambda: stage.scalar(began, guild=GUILD), "the stream that was missed is known")
    again = connected.chat("mia", "Welcome back!")
    until(lambda: servers_of(stage, again) == {GUILD}, "Nora's channel arrives again")
    assert len(direct_messages(stage, "nora", RECONNECT)) == alerts + 1, "one alert"


def twitch_page(stage: Stage, streamer: str) -> str:
    """The server's Twitch page, as the streamer sees it who signed in with Twitch."""
    browser, url = requests.Session(), f"http://localhost:{stage.port}"
    away = browser.get(f"{url}/login/twitch", allow_redirects=False, timeout=PATIENCE)
    browser.get(stage.twitch.consent(away.headers["Location"], streamer), timeout=PATIENCE)
    return browser.get(f"{url}/g/{GUILD}/twitch", timeout=PATIENCE).text


def press(stage: Stage, person: str, asked: Json, label: str) -> None:
    """Press a button of the answer to an interaction."""
    known = stage.discord.interaction(asked["interaction_id"])
    answers = [followup for followup in (known["response"], *known["followups"]) if followup]
    message = next(answer for answer in answers if answer.get("components"))
    stage.discord.click(person, message["id"], custom_id_of(message, label))


def test_disconnecting_by_its_button(stage: Stage, connected: TwitchDriver) -> None:
    asked = stage.discord.slash("nora", "bot-log", "disconnect_twitch", {})
    question = answered(stage, asked)
    assert "Disconnect NoraPlays?" in question["title"]
    press(stage, "nora", asked, "Disconnect")
    theirs = "SELECT count(*) FROM {} WHERE guild_id = :guild"
    accounts, channels = theirs.format("twitch_accounts"), theirs.format("guild_channels")
    until(lambda: not stage.scalar(accounts, guild=GUILD), "nothing is connected")
    channels += " AND platform = 'twitch'"
    assert stage.scalar(channels, guild=GUILD) == 1, "the channel stays"
