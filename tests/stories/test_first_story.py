"""From a line in chat, on Kick or on Twitch, to a post in Discord, and what one can do there."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from core.kit.runtime.bus import CHANNEL
from sandbox.kick.signing import SigningKey
from tests.patience import until
from tests.stories.channels import PLATFORMS, ChannelDriver, channel_of
from tests.stories.direct_messages import private_answer
from tests.stories.product import Json, Product
from tests.stories.servers import RedisServer
from tests.stories.stage import EMPTY, GUILD, SLOT_CALLS, Stage, button, open_stage, title

pytestmark = pytest.mark.redis


def instant(minutes_ago: float) -> str:
    """RFC 3339, whole seconds."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes_ago)
    return at.isoformat()


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_url: str,
    signing_key: SigningKey,
    redis_server: RedisServer,
) -> Iterator[Stage]:
    """One product for all tests of this file; it finds an empty database."""
    folder, url = tmp_path_factory.mktemp("first"), redis_server.url
    with open_stage(folder, postgres_url, signing_key, copy_of=EMPTY, REDIS_URL=url) as opened:
        product = opened.start()
        product.wait_well()
        opened.wait_subscribed()
        opened.discord.wait_command("slotcalls status")
        yield opened


@pytest.fixture(params=PLATFORMS)
def channel(request: pytest.FixtureRequest, stage: Stage) -> ChannelDriver:
    return channel_of(stage, request.param)


def test_chat_command_becomes_discord_post(
    stage: Stage, redis_server: RedisServer, channel: ChannelDriver
) -> None:
    with redis_server.client() as client, client.pubsub(ignore_subscribe_messages=True) as ear:
        ear.subscribe(CHANNEL)
        until(lambda: client.pubsub_numsub(CHANNEL)[0][1] >= 2, "both of us listening")
        message_id = channel.say("mia", f"!call {channel.title} of Dead")
        post = stage.post_about(f"{channel.title} of Dead")
        wanted = channel.chat_kind
        until(
            lambda: _rings_for_chat(ear.get_message(timeout=0.1), wanted),
            "the event on the channel",
        )

    reply = channel.wait_for_line(f"@MadCats Added {channel.title} of Dead to the queue")
    delivery = stage.rows(
        f"SELECT kind, state FROM inbox_deliveries WHERE {channel.message_id} = :id",
        id=message_id,
    )
    assert delivery == [(channel.chat_kind, "done")]
    assert title(post) == f"🎰 {channel.title} of Dead"
    assert f"**MadCats** on {channel.title}" in post["embeds"][0]["description"]
    assert reply["reply_to"] == message_id


def _rings_for_chat(received: Json | None, kind: str) -> bool:
    message = json.loads(received["data"]) if received else {}
    return message.get("topic") == "inbox" and message.get("kind") == kind


def test_sr_is_an_alias_of_call(stage: Stage, channel: ChannelDriver) -> None:
    game = {"Kick": "Sweet Bonanza", "Twitch": "Sugar Rush"}[channel.title]
    channel.say("yuki", f"!SR   {game.lower().replace(' ', '  ')} ")
    assert title(stage.post_about(game)) == f"🎰 {game}"


def test_viewer_earns_watchtime_while_the_stream_is_live(
    stage: Stage, channel: ChannelDriver
) -> None:
    watcher, early = f"watcher_{channel.title}", f"early_{channel.title}"
    channel.account("watcher", watcher)
    channel.account("early", early)
    channel.go_live(instant(60))
    channel.say("watcher", "hello from long ago", at=instant(40))
    channel.say("watcher", "and again, five minutes later", at=instant(35))
    channel.say("nora", "the streamer herself earns nothing", at=instant(40))
    channel.say("early", "before the stream", at=instant(90))

    embed = until(lambda: _standing(stage, watcher, "15 min"), "15 minutes")
    assert title({"embeds": [embed]}).startswith("⏱️ watcher")

    asker = {"Kick": "mia", "Twitch": "leo"}[channel.title]  # there is a cooldown
    board = stage.asked(asker, "!leaderboard 5")
    assert watcher.replace("_", r"\_") in board["description"]
    assert "NoraPlays" not in board["description"]
    assert early.replace("_", r"\_") not in board["description"]
    channel.end()


def _standing(stage: Stage, name: str, wanted: str) -> Json | None:
    embed = stage.asked("nora", f"!watchtime {name}")
    return embed if wanted in str(embed.get("description")) else None


def test_typed_and_slash_commands_give_the_same_answer(stage: Stage) -> None:
    pairs = [
        ("!slotcalls status", "slotcalls status", {}),
        ("!slotcalls off", "slotcalls off", {}),
        ("!slotcalls on", "slotcalls on", {}),
        ("!watchtime", "watchtime", {}),
        ("!leaderboard 5", "leaderboard", {"top": 5}),
    ]
    for typed, path, options in pairs:
        by_typing = stage.asked("nora", typed)
        by_choosing = stage.discord.slash("tomas", "general", path, options)["response"]
        assert by_choosing["embeds"][0]["title"] == by_typing["title"], typed


def test_slot_calls_can_be_turned_off_and_on(stage: Stage) -> None:
    assert stage.asked("tomas", "!slotcalls off")["title"] == "⚫ Slot requests are off"
    stage.kick.chat("sam", "!call Gates of Olympus")
    stage.kick.wait_for_line("Slot requests are closed right now.")
    assert not any("Gates of Olympus" in title(post) for post in stage.posts())

    assert stage.asked("tomas", "!slotcalls on")["title"] == "🟢 Slot requests are on"
    stage.kick.chat("sam", "!call Gates of Olympus")
    stage.post_about("Gates of Olympus")


@pytest.mark.parametrize("command", ["!slotcalls off", "!slotcalls on", "!slotcalls", "!health"])
def test_viewer_cannot_use_moderator_commands(stage: Stage, command: str) -> None:
    before = stage.asked("nora", "!slotcalls")["title"]
    assert "for moderators" in stage.asked("mia", command)["title"]
    assert stage.asked("nora", "!slotcalls")["title"] == before


def test_health_command_lists_every_component(stage: Stage) -> None:
    stage.kick.chat("mia", "anybody here?")
    stage.kick.settle()
    typed = stage.asked("nora", "!health")
    for part in ("Database", "Discord bot", "Inbox worker", "Outbox sender", "Redis", "Kick"):
        assert part in typed["description"]
    chosen = stage.discord.slash("nora", "general", "health")["response"]
    assert chosen["ephemeral"] is True
    for part in ("Database", "Discord bot", "Inbox worker", "Outbox sender", "Redis", "Kick"):
        assert part in chosen["embeds"][0]["description"]


# -- buttons ----------------------------------------------------------------------------------


def called(stage: Stage, person: str, slot: str, on: ChannelDriver | None = None) -> Json:
    """The post about a slot that this viewer calls; a fresh viewer has no cooldown."""
    channel = on or channel_of(stage, "kick")
    channel.account(person, f"{person}_viewer")
    channel.say(person, f"!call {slot}")
    return stage.post_about(slot)


def closed(stage: Stage, post: Json, words: str) -> Json:
    """The same post once it says so, without buttons."""
    now = stage.discord.wait_for(
        SLOT_CALLS,
        lambda m: m["message_id"] == post["message_id"] and words in str(m["embeds"]),
    )
    assert now["components"] == []
    return now


@pytest.mark.parametrize(
    ("act", "slot", "icon", "words"),
    [("done", "Fire Joker", "✅", "Played"), ("skip", "Jammin' Jars", "⏭️", "Skipped")],
)
def test_button_closes_a_call_once(
    stage: Stage, act: str, slot: str, icon: str, words: str
) -> None:
    post = called(stage, f"fan-of-{act}", slot)
    stage.discord.click("tomas", post["message_id"], button(post, act))
    assert title(closed(stage, post, words)) == f"{icon} {slot}"


def test_slower_of_two_simultaneous_clicks_sees_already_closed(stage: Stage) -> None:
    post = called(stage, "second", "Reactoonz")

    def click(person: str) -> Json:
        return stage.discord.click(person, post["message_id"], button(post, "done"))

    # The button is gone once the bot has handled the first click, so it gets both late.
    stage.discord.fault(gateway_delay_ms=800)
    with ThreadPoolExecutor() as pool:
        pressed = list(pool.map(click, ("tomas", "nora")))
    stage.discord.fault(gateway_delay_ms=0)
    (answer,) = until(lambda: words_after(stage, pressed), "an answer to the slower one")
    assert "already closed" in title(answer)
    assert title(closed(stage, post, "Played")) == "✅ Reactoonz"


def words_after(stage: Stage, pressed: list[Json]) -> list[Json]:
    """What was said because somebody pressed a button, beside the change of the post."""
    known = [stage.discord.interaction(button["interaction_id"]) for button in pressed]
    return [said for button_id in known for said in button_id["followups"]]


def test_block_button_skips_all_calls_of_the_viewer(stage: Stage, channel: ChannelDriver) -> None:
    post = called(stage, "spammer", f"{channel.title} House", channel)
    answer = stage.discord.click("nora", post["message_id"], button(post, "block"))
    closed(stage, post, "Skipped")
    private_answer(stage, answer, "can no longer request slots")

    channel.say("spammer", f"!call Big {channel.title}")
    called(stage, "after-spammer", f"Den of {channel.title}", channel)
    assert not any(f"Big {channel.title}" in title(post) for post in stage.posts())


def test_call_buttons_require_moderator(stage: Stage) -> None:
    post = called(stage, "hopeful", "Starburst")
    answer = stage.discord.click("mia", post["message_id"], button(post, "done"))
    assert answer["response"]["ephemeral"] is True
    assert "for moderators" in answer["response"]["embeds"][0]["title"]
    number = int(button(post, "done").rsplit(":", 1)[1])
    state = "SELECT state FROM slot_calls WHERE guild_id = :guild AND number = :number"
    assert stage.scalar(state, guild=GUILD, number=number) == "open"


def test_call_buttons_work_after_restart(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> None:
    with open_stage(tmp_path_factory.mktemp("again"), postgres_url, signing_key) as stage:
        first = stage.start()
        first.wait_well()
        stage.wait_subscribed()
        post = called(stage, "patient", "Legacy of Dead")
        assert first.stop() == 0

        second: Product = stage.start()
        second.wait_well()
        stage.discord.click("tomas", post["message_id"], button(post, "done"))
        assert title(closed(stage, post, "Played")) == "✅ Legacy of Dead"
