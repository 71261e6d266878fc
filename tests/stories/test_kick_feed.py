"""The realtime feed beside the webhooks, with real processes: events missing from Kick's webhooks
are detected, shown to an admin and counted once; Kick may change the transport; and it can be
switched off.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.kick.signing import SigningKey
from tests.patience import until
from tests.stories.direct_messages import answered
from tests.stories.product import Json
from tests.stories.stage import GUILD, Stage, open_stage
from tests.stories.stream import wait_settled

SERVICE = "Kick's realtime feed"
NORA_FEEDS = {"chatrooms.3100001.v2", "chatroom_3100001", "channel.2100001", "channel_2100001"}

OFTEN = {"task:kick.credit_from_feed": 1.0, "task:kick.queue_missed": 1.0}


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for most tests of this file."""
    with open_stage(tmp_path_factory.mktemp("feed"), postgres_url, signing_key) as opened:
        opened.waits = OFTEN
        opened.start().wait_well()
        opened.wait_subscribed()
        opened.discord.wait_command("missed list")
        until(lambda: hears(opened, "centrifugo"), "somebody who listens to Nora's feeds")
        yield opened


def hears(stage: Stage, transport: str) -> bool:
    """Whether the product listens to everything of Nora's over this transport."""
    return any(
        set(each["feeds"]) >= NORA_FEEDS and each["transport"] == transport
        for each in stage.kick.feed_listeners()
    )


def count(stage: Stage, event: str) -> Any:
    return stage.scalar(
        "SELECT count(*) FROM inbox_events WHERE guild_id = :guild AND event = :event",
        guild=GUILD,
        event=event,
    )


def review_items(stage: Stage, kind: str) -> dict[str, int]:
    """State -> how many."""
    return dict(
        stage.rows(
            "SELECT state, count(*) FROM kick_review_items WHERE kind = :kind GROUP BY state",
            kind=kind,
        )
    )


def sixteen_minutes_pass(stage: Stage) -> None:
    """For what still waits for its webhook."""
    with stage.database.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE kick_review_items SET at = at - interval '16 minutes' WHERE state = 'waiting'"
        )


def answer(stage: Stage, command: str) -> Json:
    return stage.asked("nora", command)


def test_gift_bomb_with_lost_delivery_is_reconciled(stage: Stage) -> None:
    names = [f"Lucky{number}" for number in range(6)]
    for name in names:
        stage.kick.account(name.lower(), name)
    stage.kick.fault(body__gift_chunk=2, feed__gift_chunk=4, feed__old_names="both",
                     webhook__drop=1, webhook__drop_only="gifts")  # fmt: skip
    stage.kick.gift("mia", [name.lower() for name in names])
    stage.kick.settle()
    until(
        lambda: review_items(stage, "gift") == {"confirmed": 4, "waiting": 2}, "four matched gifts"
    )
    assert count(stage, "SubGifted") == 4
    stage.kick.reset_faults()

    sixteen_minutes_pass(stage)
    shown = answer(stage, "!missed")
    assert shown["title"] == "🔍 1 missed event"
    assert "gifted 2 subscriptions: Lucky0, Lucky1" in shown["description"]

    assert "Credited #1" in answer(stage, "!missed credit 1")["title"]
    until(lambda: count(stage, "SubGifted") == 6, "all six gifts counted")
    assert "already credited" in answer(stage, "!missed credit 1")["title"]
    assert answer(stage, "!missed")["title"] == "✅ Nothing is missing"
    assert count(stage, "SubGifted") == 6


def test_viewer_cannot_decide_on_missed_events(stage: Stage) -> None:
    assert "permission" in str(answer_of_a_viewer(stage)).lower()


def answer_of_a_viewer(stage: Stage) -> Json:
    return stage.asked("leo", "!missed credit 1")


def test_feed_follows_transport_change_during_stream(stage: Stage) -> None:
    stage.kick.kicks("mia", 100)
    until(lambda: review_items(stage, "kicks") == {"confirmed": 1}, "the first Kicks matched")
    stage.kick.fault(feed__provider="pusher")
    stage.kick.feed_kill()
    until(lambda: hears(stage, "pusher"), "somebody who listens over Pusher")
    stage.kick.kicks("mia", 100)
    until(lambda: review_items(stage, "kicks") == {"confirmed": 2}, "the second Kicks matched")
    assert count(stage, "KicksGifted") == 2
    stage.kick.reset_faults()


def test_disabled_feed_is_reported_and_opens_no_connection(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey
) -> None:
    with open_stage(tmp_path, postgres_url, signing_key, USE_DUAL_MODE="false") as quiet:
        product = quiet.start()
        product.wait_well()
        assert "USE_DUAL_MODE" in until(lambda: product.part(SERVICE), "its line")["reason"]
        quiet.wait_subscribed()
        quiet.kick.kicks("mia", 100)
        quiet.kick.settle()
        until(lambda: count(quiet, "KicksGifted") == 1, "the webhook counted")
        assert quiet.kick.feed_listeners() == []


def test_chat_comes_from_feed_without_public_url(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey
) -> None:
    """No webhook reaches us: commands in chat are received, answered, and counted once all the
    same, also when one webhook gets through."""
    with open_stage(tmp_path, postgres_url, signing_key, KICK_USE_KICKPYTHON_WS="true") as lone:
        lone.waits = OFTEN
        lone.kick.app(webhook_url="http://127.0.0.1:9/nobody")
        lone.start().wait_well()
        until(lambda: hears(lone, "centrifugo"), "somebody who listens to Nora's feeds")
        lone.kick.live()
        lone.kick.chat("mia", "!call Book of Dead")
        lone.post_about("Book of Dead")
        lone.kick.wait_for_line("@MadCats Added Book of Dead to the queue")
        lone.discord.wait_command("kick_selftest")
        asked = lone.discord.slash("nora", "bot-log", "kick_selftest")
        lone.kick.gift("mia", ["vera"])
        until(lambda: count(lone, "SubGifted") == 1, "the gift counted, though no webhook came")
        assert "by realtime feed" in answered(lone, asked)["description"]
        lone.kick.app(webhook_url=f"http://127.0.0.1:{lone.port}/webhooks/kick")
        lone.kick.chat("leo", "!call Sweet Bonanza")
        lone.post_about("Sweet Bonanza")
        lone.kick.settle()
        until(lambda: sources(lone) == ["kick.feed", "kick.feed", "kick.webhook"], "all deliveries")
        wait_settled(lone)  # the bot has said what it has to say in chat, and that is received, too
        lines = len(lone.kick.transcript())
        until(lambda: count(lone, "ChatMessageSent") >= lines, f"{lines} lines received")
        assert count(lone, "ChatMessageSent") == lines
        assert lone.scalar("SELECT count(*) FROM slot_calls") == 2


def sources(stage: Stage) -> list[str]:
    """Where the requests came from, once everything was handled."""
    return [
        source
        for (source,) in stage.rows(
            "SELECT source FROM inbox_deliveries WHERE kind = 'chat.message.sent'"
            " AND state = 'done' AND body->>'content' LIKE '!call%' ORDER BY source"
        )
    ]
