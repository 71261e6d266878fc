"""Posting is deduplicated per key and server, is transactional, and notifies the sender."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from core.events import ChatMessageSent, Sender
from core.kit.database.connection import Database
from core.outbox import actions, store
from core.outbox.feature import check_health
from tests.acting import act
from tests.clean import cleaned
from tests.outbox.conftest import Post

# Evaluated at import, so it must be later than the end of the longest run. Messages are due from
# the database's `now()` on.
NOW = datetime.now(UTC) + timedelta(days=1)
WEEK = 7 * 86_400


def test_duplicate_key_is_posted_once(post: Post) -> None:
    assert post.posted("call:1", "call:1") == [True, False]
    assert post.posted("call:1") == [False]
    assert list(post.states()) == ["call:1"]


def test_keys_are_isolated_per_server(post: Post, guild_id: int, other_guild_id: int) -> None:
    assert post.posted("call:1", guild_id=guild_id) == [True]
    assert post.posted("call:1", guild_id=other_guild_id) == [True]


def test_every_post_has_its_service_lane_and_target(tx: Connection, guild_id: int) -> None:
    act(tx, guild_id, actions.post_to_channel, 5, "k", "a", {"n": 1})
    act(tx, guild_id, actions.post_edit, 6, "a", "k", "b", {"n": 2})
    act(tx, guild_id, actions.post_edit, 9, "a", "k", "e", None)
    act(tx, guild_id, actions.post_to_chat, "kick", 7, "k", "c", {"n": 3}, reply_to="msg")
    act(tx, guild_id, actions.post_to_user, 8, "k", "d", {"n": 4})
    found = {m.key: (m.service, m.lane, m.target) for m in store.claim_due(tx, NOW, 9)}
    assert found["a"] == ("discord", "discord:5", {"channel_id": 5})
    assert found["b"] == ("discord", "discord:6", {"channel_id": 6, "edits": "a"})
    assert found["e"] == ("discord", "discord:9", {"channel_id": 9, "deletes": "a"})
    assert found["c"] == ("kick", "kick:7", {"broadcaster_user_id": 7, "reply_to": "msg"})
    assert found["d"][0] == "discord"
    assert found["d"][2] == {"user_id": 8}


def test_links_that_a_viewer_typed_are_not_repeated(tx: Connection, guild_id: int) -> None:
    def reply(text: str) -> None:
        message = ChatMessageSent(
            key=text,
            guild_id=guild_id,
            at=datetime(2026, 5, 1, 12, tzinfo=UTC),
            platform="kick",
            channel_id=len(text),
            message_id=text,
            sender=Sender(user_id=5, name="MadCats"),
            text=text,
        )
        payload = {"what": message.argument, "page": "https://bot.example", "rows": [{"n": text}]}
        act(tx, guild_id, actions.post_reply, message, "k", payload, at=message.at)

    reply("!give evil.com 5")
    reply("!give MadCats 5")
    posted = {message.key: message.payload for message in store.claim_due(tx, NOW, 9)}
    apart = posted["k:!give evil.com 5"]
    assert apart["what"] == "evil. com 5"
    assert apart["rows"] == [{"n": "!give evil. com 5"}]
    assert posted["k:!give MadCats 5"]["page"] == "https://bot.example"


def test_reply_goes_to_the_channel_of_its_message(tx: Connection, guild_id: int) -> None:
    def reply(message_id: str, seconds: int, late: int = 0, **options: Any) -> bool:
        message = ChatMessageSent(
            key=message_id,
            guild_id=guild_id,
            at=datetime(2026, 5, 1, 12, tzinfo=UTC) + timedelta(seconds=seconds),
            platform="kick",
            channel_id=7,
            message_id=message_id,
            sender=Sender(user_id=5, name="MadCats"),
            text="!rank",
        )
        post, now = actions.post_reply, message.at + timedelta(seconds=late)
        return act(tx, guild_id, post, message, "k.rank", {"rank": 3}, at=now, **options)

    assert [reply("m1", 0), reply("m1", 1), reply("m2", 2)] == [True, False, True]
    (first,) = (m for m in store.claim_due(tx, NOW, 9) if m.key == "k.rank:m1")
    assert (first.service, first.lane) == ("kick", "kick:7")
    assert first.target == {"broadcaster_user_id": 7, "reply_to": "m1"}
    assert first.payload == {"rank": 3, "viewer": "MadCats"}
    minute = [reply(f"n{s}", s, once_a_minute="5") for s in (0, 59, 60)]
    assert minute == [True, False, True]
    assert reply("n61", 61, once_a_minute="6")
    assert [reply(f"l{late}", 0, late) for late in (120, 121)] == [True, False]


def test_edit_waits_for_its_original(tx: Connection, guild_id: int) -> None:
    act(tx, guild_id, actions.post_to_channel, 5, "k", "original", {})
    act(tx, guild_id, actions.post_edit, 5, "original", "k", "edit", {})
    assert [message.key for message in store.claim_due(tx, NOW, 9)] == ["original"]


def test_sender_is_notified_after_commit_and_not_for_a_duplicate(
    database: Database, postgres_url: str, guild_id: int
) -> None:
    notified: list[str] = []
    notifying = Database(
        postgres_url, notify=lambda topic, **_data: notified.append(topic), pool_size=1
    )
    with cleaned(database):
        with notifying.begin() as tx:
            act(tx, guild_id, actions.post_to_channel, 5, "k", "key", {})
            assert actions.TOPIC not in notified
        assert notified.count(actions.TOPIC) == 1
        with notifying.begin() as tx:
            act(tx, guild_id, actions.post_to_channel, 5, "k", "key", {})
            assert act(tx, guild_id, actions.retry_dead_letters) == 0
        assert notified.count(actions.TOPIC) == 1
    notifying.close()


def test_rolled_back_message_is_never_sent(post: Post, guild_id: int) -> None:
    with pytest.raises(ValueError, match="bug"), post.database.begin() as tx:
        act(tx, guild_id, actions.post_to_channel, 5, "k", "key", {})
        raise ValueError("bug")
    assert post.claim() == []


def test_receipt_is_available_after_sending_to_its_server_only(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    act(tx, guild_id, actions.post_to_channel, 5, "k", "key", {})
    assert act(tx, guild_id, actions.find_receipt, "key") == {}
    (message,) = store.claim_due(tx, NOW, 1)
    store.set_sent(tx, message, NOW, {"message_id": 9})
    assert act(tx, guild_id, actions.find_receipt, "key") == {"message_id": 9}
    assert act(tx, other_guild_id, actions.find_receipt, "key") == {}


def test_health_shows_overdue_and_dead_messages(tx: Connection, guild_id: int) -> None:
    now = datetime.now(UTC)
    assert check_health(tx, now)[0].state == "ok"
    act(tx, guild_id, actions.post_to_channel, 5, "k", "key", {})
    assert check_health(tx, now + timedelta(seconds=10))[0].state == "ok"
    (whole,) = check_health(tx, now + timedelta(seconds=40))
    assert (whole.state, whole.reason) == ("warn", "1 waiting.")


def test_failures_are_reported_per_server(tx: Connection, guild_id: int) -> None:
    act(tx, guild_id, actions.post_to_channel, 5, "k", "key", {})
    (message,) = store.claim_due(tx, NOW, 1)
    store.set_waiting(tx, message, try_at=NOW, error="Discord is away", unsure=False)
    whole, mine = check_health(tx, datetime.now(UTC))
    assert (whole.state, whole.guild_id) == ("ok", None)
    assert (mine.guild_id, mine.can_be_retried) == (guild_id, False)
    assert "Discord is away" in mine.reason
    (message,) = store.claim_due(tx, NOW, 1)
    store.set_dead(tx, message, "The channel is gone.")
    _whole, mine = check_health(tx, NOW)
    assert (mine.state, mine.can_be_retried) == ("warn", True)
    assert mine.reason == "1 could not be sent: The channel is gone."


def test_dead_letters_of_another_server_are_not_retried(
    post: Post, guild_id: int, other_guild_id: int
) -> None:
    for server in (guild_id, other_guild_id):
        post.posted("key", guild_id=server, channel=server)
    with post.database.begin() as tx:
        for message in store.claim_due(tx, NOW, 9):
            store.set_dead(tx, message, "No.")
        assert act(tx, guild_id, actions.retry_dead_letters) == 1
    assert post.row("key", guild_id)["state"] == "waiting"
    assert post.row("key", other_guild_id)["state"] == "dead"


def test_delayed_message_blocks_its_lane_until_due(tx: Connection, guild_id: int) -> None:
    act(tx, guild_id, actions.post_to_channel, 5, "k", "original", {})
    [first] = store.claim_due(tx, NOW, 9)
    store.set_sent(tx, first, NOW, {})
    act(tx, guild_id, actions.post_edit, 5, "original", "k", "edit", {}, after_seconds=WEEK)
    act(tx, guild_id, actions.post_to_channel, 5, "k", "behind", {})
    act(tx, guild_id, actions.post_to_user, 8, "k", "letter", {}, after_seconds=WEEK)
    assert store.claim_due(tx, NOW, 9) == []
    later = NOW + timedelta(seconds=WEEK)
    assert [message.key for message in store.claim_due(tx, later, 9)] == ["edit", "letter"]
