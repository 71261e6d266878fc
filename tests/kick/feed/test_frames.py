"""From frames to deliveries to the review queue; payloads as they were recorded."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox.store import Delivery
from core.kick.feed import frames
from core.kick.review.records import ReviewItem
from tests.conftest import GUILD, OTHER_GUILD
from tests.kick.rig import NOON, NORA

APP = "App\\Events\\"
SUBSCRIPTION = {"chatroom_id": 668, "username": "Mia_X", "months": 13}
GIFTS = {
    "chatroom_id": 668,
    "correlation_id": "700002820790407",
    "gifted_usernames": ["Tom", "Ann"],
    "gifter_username": "Mia",
    "gifted_total": 2,
    "gifter_total": 9,
    "chunk_details": None,
}
KICKS = {
    "gift_transaction_id": "t-1",
    "message": "gg",
    "sender": {"id": 9, "username": "Mia", "username_color": "#4CFF75", "profile_picture": ""},
    "gift": {"gift_id": "rage_quit", "name": "Rage Quit", "amount": 500, "type": "LEVEL_UP",
             "tier": "MID", "character_limit": 150, "pinned_time": 600000000000},
    "created_at": "2026-05-01T12:00:00.212275837Z",
    "expires_at": "2026-05-01T12:10:00.212275837Z",
}  # fmt: skip
CHAT = {
    "id": "5f0c", "chatroom_id": 668, "content": "hi", "type": "message",
    "created_at": "2026-05-01T12:00:00+00:00",
    "sender": {"id": 3, "username": "Mia", "slug": "mia", "identity": {
        "color": "#FFD899",
        "badges": [{"type": "subscriber", "text": "Subscriber", "count": 24, "sort_order": 9}],
        "badges_v2": [],
    }},
    "metadata": {"message_ref": "1790525515401"},
}  # fmt: skip


def written(event: str, data: Any, **differs: Any) -> Delivery:
    return frames.to_delivery(NORA, event, {**data, **differs}, NOON)


@pytest.fixture(autouse=True)
def followed(tx: Connection) -> None:
    guilds.set_channel(tx, Channel(GUILD, "kick", NORA, "noraplays"))


def reported(tx: Connection, delivery: Delivery) -> list[Any]:
    """What the frame puts into the review queue."""
    assert frames.translate(tx, delivery) == []
    same = (ReviewItem.drop, ReviewItem.receiver.desc(), ReviewItem.guild_id)
    return list(tx.execute(select(ReviewItem.__table__).order_by(*same)))


def test_each_gift_recipient_is_one_event(tx: Connection) -> None:
    first, second = reported(tx, written("GiftedSubscriptionsEvent", GIFTS))
    assert (first.giver, first.receiver, second.receiver) == ("Mia", "Tom", "Ann")
    assert first.drop == second.drop == "700002820790407"
    assert first.key != second.key
    assert first.subject == "mia|tom"
    assert first.at == NOON


def test_gift_under_two_event_names_and_as_text_is_one_row() -> None:
    new = written("GiftedSubscriptionsEvent", GIFTS)
    old = frames.to_delivery(NORA, f"{APP}GiftedSubscriptionsEvent", json.dumps(GIFTS), NOON)
    assert new.delivery_id == old.delivery_id


def test_chunks_are_rows_of_one_drop(tx: Connection) -> None:
    one = written("GiftedSubscriptionsEvent", GIFTS, gifted_usernames=["Tom"])
    two = written("GiftedSubscriptionsEvent", GIFTS, gifted_usernames=["Ann"])
    assert one.delivery_id != two.delivery_id
    reported(tx, one)
    first, second = reported(tx, two)
    assert first.drop == second.drop == "700002820790407"


def test_kicks_have_an_id_and_their_time(tx: Connection) -> None:
    (seen,) = reported(tx, written("KicksGifted", KICKS))
    assert (seen.giver_id, seen.amount, seen.key) == (9, 500, "kicks|t-1")
    assert seen.at.isoformat() == "2026-05-01T12:00:00.212275+00:00"


def test_subscription_without_id_is_matched_by_content(tx: Connection) -> None:
    """Soon afterwards, the same is a repeat."""
    delivery = written(f"{APP}SubscriptionEvent", SUBSCRIPTION)
    (seen,) = reported(tx, delivery)
    assert (seen.receiver, seen.amount) == ("Mia_X", 13)
    later = NOON + timedelta(minutes=3)
    assert reported(tx, replace(delivery, sent_at=later)) == [seen]


def test_every_server_of_the_channel_receives_the_event(tx: Connection) -> None:
    guilds.set_channel(tx, Channel(OTHER_GUILD, "kick", NORA, "noraplays"))
    seen = reported(tx, written("KicksGifted", KICKS))
    assert {each.guild_id for each in seen} == {GUILD, OTHER_GUILD}


def test_stream_frames_only_trigger_a_poll(tx: Connection) -> None:
    row = written(f"{APP}StreamerIsLive", {"livestream": {"id": 1, "channel_id": 2}})
    assert row.kind == "feed.live"
    assert frames.translate(tx, row) == []


def test_chat_frame_equals_the_webhook_event(tx: Connection) -> None:
    (line,) = frames.translate(tx, written(f"{APP}ChatMessageEvent", CHAT))
    assert (line.key, line.text, line.sender.name) == ("5f0c", "hi", "Mia")  # type: ignore[attr-defined]
    assert line.sender.badges == ("subscriber",)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "event",
    [
        f"{APP}ChannelSubscriptionEvent", f"{APP}NewSubscriberUpdatedEvent",
        f"{APP}NewActivityFeedEvent", f"{APP}ChatMessageSentEvent", "GiftsLeaderboardUpdated",
        f"{APP}LuckyUsersWhoGotGiftSubscriptionsEvent", "SubscriptionGifted",
        "KicksLeaderboardUpdated", "RewardRedeemedEvent", f"{APP}StreamHostEvent",
    ],
)  # fmt: skip
def test_duplicate_frames_of_an_event_are_ignored(event: str) -> None:
    assert not frames.is_used(event, chat=True)


def test_chat_frames_are_used_only_where_the_feed_is_the_source() -> None:
    assert not frames.is_used(f"{APP}ChatMessageEvent", chat=False)
    assert frames.is_used(f"{APP}ChatMessageEvent", chat=True)
    assert frames.is_used(f"{APP}ChatMessageEvent", chat=True, support=False)


@pytest.mark.parametrize("event", list(frames.SHAPES))
def test_only_chat_is_used_without_dual_mode(event: str) -> None:
    assert frames.is_used(event, chat=True)
    assert not frames.is_used(event, chat=True, support=False)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("GiftedSubscriptionsEvent", {**GIFTS, "gifted_usernames": []}),
        ("GiftedSubscriptionsEvent", {**GIFTS, "gifted_usernames": None}),
        ("KicksGifted", {**KICKS, "gift": {"amount": 0}}),
        ("KicksGifted", {**KICKS, "sender": {"id": -1}}),
        ("KicksGifted", {**KICKS, "created_at": "yesterday"}),
        (f"{APP}SubscriptionEvent", {"months": 1}),
        (f"{APP}ChatMessageEvent", {**CHAT, "sender": None}),
        ("KicksGifted", "no json"),
        ("KicksGifted", json.dumps(KICKS).replace("500", "NaN")),
        (f"{APP}StreamerIsLive", {"livestream": {"viewers": float("inf")}}),
        ("KicksGifted", []),
    ],
)
def test_unexpected_shape_raises_value_error(event: str, data: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's and json's both
        frames.to_delivery(NORA, event, data, NOON)


def test_unstorable_characters_are_replaced() -> None:
    """NUL and halves of characters, whether the transport has decoded them already or not."""
    for data in (
        {**KICKS, "message": "a\x00\ud83d"},
        json.dumps(KICKS | {"message": "a\x00\ud83d"}),
    ):
        assert frames.to_delivery(NORA, "KicksGifted", data, NOON).body["data"]["message"] == "a��"
