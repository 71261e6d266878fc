"""The feed's message for every event: its channel, name and data."""

import json
import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.sandbox.kick_harness import LEO, MIA, NORA, TOMAS, Kick
from tests.sandbox.kick_realtime_rig import (
    APP,
    NORA_CHANNEL,
    NORA_CHANNEL_ID,
    NORA_CHAT,
    NORA_CHATROOM,
    NORA_OLD_CHAT,
    NORA_STREAM,
)

CHATROOM_ID = 3_100_001
Said = list[tuple[str, str, Any]]


def said(kick: Kick, act: Callable[[], object]) -> Said:
    """(feed, name, data) of the events an act causes."""
    before = len(kick.driver.feed_events())
    act()
    events = kick.driver.feed_events()[before:]
    assert {event["fate"] for event in events} <= {"sent"}
    return [(event["feed"], event["name"], event["data"]) for event in events]


def one(kick: Kick, act: Callable[[], object], feed: str, name: str) -> Any:
    """The data of the only event, which must be of that feed and name."""
    ((where, what, data),) = said(kick, act)
    assert (where, what) == (feed, name)
    return data


def take_uuid(data: dict[str, Any], name: str = "id") -> None:
    """Remove a random UUID."""
    uuid.UUID(data.pop(name))


class TestChat:
    def test_chat_message_has_the_recorded_fields(self, kick: Kick) -> None:
        at = "2026-09-27T16:11:55Z"
        data = one(kick, lambda: kick.driver.chat("tomas", "hi", at=at), NORA_CHAT,
                   f"{APP}ChatMessageEvent")  # fmt: skip
        assert data["id"] == kick.driver.transcript()[-1]["message_id"]
        assert data["chatroom_id"] == CHATROOM_ID
        assert (data["content"], data["type"]) == ("hi", "message")
        assert data["created_at"] == "2026-09-27T16:11:55+00:00"
        assert data["metadata"] == {"message_ref": "1790525515000"}
        sender = data["sender"]
        identity = sender.pop("identity")
        assert sender == {"id": TOMAS, "username": "Tomas_TV", "slug": "tomas-tv"}
        assert identity["badges"] == [{"type": "moderator", "text": "Moderator", "sort_order": 1}]
        assert re.fullmatch(r"#[0-9A-F]{6}", identity["color"])
        assert identity["badges_v2"][0]["metadata"] == {"level": 1}

    def test_reply_has_the_original_message(self, kick: Kick) -> None:
        first = kick.driver.chat("mia", "one")
        data = said(kick, lambda: kick.driver.chat("leo", "two", reply_to=first))[0][2]
        assert (data["type"], data["thread_parent_id"]) == ("reply", first)
        assert data["metadata"]["original_sender"] == {"id": MIA, "username": "MadCats"}
        assert data["metadata"]["original_message"] == {"id": first, "content": "one"}

    def test_message_sent_by_api_is_published(self, kick: Kick) -> None:
        body = {"type": "user", "content": "from the API", "broadcaster_user_id": NORA}
        token = kick.user_token("mia")
        ((_, _, data),) = said(kick, lambda: kick.call("POST", "/v1/chat", token, json=body))
        assert data["content"] == "from the API"

    def test_deletion_is_published(self, kick: Kick) -> None:
        message_id = kick.driver.chat("mia", "bad")
        data = one(kick, lambda: kick.driver.delete_message(message_id), NORA_CHAT,
                   f"{APP}MessageDeletedEvent")  # fmt: skip
        take_uuid(data)
        assert data == {"message": {"id": message_id}, "aiModerated": False, "violatedRules": []}

    def test_timeout_and_its_end_are_published(self, kick: Kick) -> None:
        data = one(kick, lambda: kick.driver.ban("mia", moderator="tomas", minutes=5), NORA_CHAT,
                   f"{APP}UserBannedEvent")  # fmt: skip
        take_uuid(data)
        datetime.fromisoformat(data.pop("expires_at"))
        assert data == {
            "user": {"id": MIA, "username": "MadCats", "slug": "madcats"},
            "banned_by": {"id": TOMAS, "username": "Tomas_TV", "slug": "tomas-tv"},
            "permanent": False,
            "duration": 5,
        }
        data = one(kick, lambda: kick.driver.unban("mia"), NORA_CHAT, f"{APP}UserUnbannedEvent")
        assert data["permanent"] is False
        assert said(kick, lambda: kick.driver.unban("mia")) == []

    def test_ban_has_no_end(self, kick: Kick) -> None:
        data = said(kick, lambda: kick.driver.ban("mia"))[0][2]
        assert data["permanent"] is True
        assert not {"duration", "expires_at"} & set(data)

    def test_host_is_published_under_both_names(self, kick: Kick) -> None:
        data = {
            "chatroom_id": CHATROOM_ID,
            "host_username": "VeraSpins",
            "number_viewers": 8,
            "optional_message": None,
        }
        assert said(kick, lambda: kick.driver.host("vera", 8)) == [
            (NORA_CHAT, f"{APP}StreamHostEvent", data),
            (NORA_OLD_CHAT, f"{APP}StreamHostedEvent", data),
        ]


class TestSubscriptionsAndKicks:
    @pytest.mark.parametrize("months", [1, 13])
    def test_subscription_is_five_events(self, kick: Kick, months: int) -> None:
        def act() -> None:
            if months == 1:
                kick.driver.subscribe("mia")
            else:
                kick.driver.renew("mia", months)

        first, notice, ids, newest, activity = said(kick, act)
        counts = {"chatroom_id": CHATROOM_ID, "username": "MadCats", "months": months}
        assert first == (NORA_CHAT, f"{APP}SubscriptionEvent", counts)
        assert notice[:2] == (NORA_CHATROOM, f"{APP}ChatMessageSentEvent")
        take_uuid(notice[2]["message"])
        assert notice[2]["message"] == {
            "type": "info",
            "action": "subscribe",
            "months_subscribed": months,
            "giftedUsers": [],
        }
        assert (notice[2]["user"]["id"], notice[2]["user"]["username"]) == (MIA, "MadCats")
        channel = {"channel_id": NORA_CHANNEL_ID}
        sibling = {"user_ids": [MIA], "username": "MadCats", **channel}
        assert ids == (NORA_CHANNEL, f"{APP}ChannelSubscriptionEvent", sibling)
        count = {**channel, "last_subscriber": "MadCats", "count": 1}
        assert newest == (NORA_CHANNEL, f"{APP}NewSubscriberUpdatedEvent", count)
        assert activity[:2] == (NORA_CHANNEL, f"{APP}NewActivityFeedEvent")
        assert isinstance(activity[2].pop("created_at"), int)
        assert activity[2] == {
            **channel, "type": "new_subscriber", "username": "MadCats", "metadata": {},
        }  # fmt: skip

    def test_gift_is_two_events(self, kick: Kick) -> None:
        kick.driver.gift("mia", ["sam"])
        gift, board = said(kick, lambda: kick.driver.gift("mia", ["leo"]))
        assert gift[:2] == (NORA_CHATROOM, "GiftedSubscriptionsEvent")
        assert re.fullmatch(r"7\d{14}", gift[2].pop("correlation_id"))
        assert gift[2] == {
            "chatroom_id": CHATROOM_ID,
            "gifted_usernames": ["lil_bean"],
            "gifter_username": "MadCats",
            "gifted_total": 1,
            "gifter_total": 2,
            "chunk_details": None,
        }
        assert board[:2] == (NORA_CHANNEL, "GiftsLeaderboardUpdated")
        leaders = [{"user_id": MIA, "username": "MadCats", "quantity": 2}]
        assert board[2]["leaderboard"] == leaders
        assert (board[2]["gifter_id"], board[2]["gifted_quantity"]) == (MIA, 1)

    def test_fifty_gifts_are_chunked_on_webhook_and_feed(self, kick: Kick) -> None:
        kick.subscribe("channel.subscription.gifts")
        *chunks, board = said(kick, lambda: kick.driver.gift("mia", count=50))
        bodies = [received.body for received in kick.receiver.wait_for(2)]
        by_webhook = [giftee["username"] for body in bodies for giftee in body["giftees"]]
        by_feed = [name for _, _, data in chunks for name in data["gifted_usernames"]]
        assert by_feed == by_webhook
        assert len(set(by_feed)) == 50
        assert [len(data["gifted_usernames"]) for _, _, data in chunks] == [10] * 5
        assert {(data["gifted_total"], data["gifter_total"]) for _, _, data in chunks} == {(50, 50)}
        (correlation_id,) = {data["correlation_id"] for _, _, data in chunks}
        assert [data["chunk_details"] for _, _, data in chunks] == [
            {"correlation_id": correlation_id, "chunk_index": index, "total_chunks": 5}
            for index in range(5)
        ]
        assert board[2]["gifted_quantity"] == 50

    def test_anonymous_gift_has_no_gifter(self, kick: Kick) -> None:
        data = one(kick, lambda: kick.driver.gift(None, ["leo"]), NORA_CHATROOM,
                   "GiftedSubscriptionsEvent")  # fmt: skip
        assert data["gifter_username"] == "Anonymous"

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            ("", ["GiftedSubscriptionsEvent"]),
            ("both", ["GiftedSubscriptionsEvent", f"{APP}GiftedSubscriptionsEvent"]),
            ("only", [f"{APP}GiftedSubscriptionsEvent"]),
        ],
    )
    def test_old_event_names_can_be_used(self, kick: Kick, names: str, expected: list[str]) -> None:
        kick.driver.fault(feed__old_names=names)
        *gifts, _ = said(kick, lambda: kick.driver.gift("mia", ["leo"]))
        lucky = [f"{APP}LuckyUsersWhoGotGiftSubscriptionsEvent"] if names else []
        assert [name for _, name, _ in gifts] == expected + lucky
        if lucky:
            assert gifts[-1][0] == NORA_STREAM
            assert gifts[-1][2] == {"usernames": ["lil_bean"]}

    def test_gift_bundle_can_be_published(self, kick: Kick) -> None:
        kick.driver.fault(feed__gift_bundle=True)
        _, bundle, _ = said(kick, lambda: kick.driver.gift("mia", ["leo"]))
        assert bundle[1] == "SubscriptionGifted"
        assert bundle[2]["gifted_users"] == [
            {"id": LEO, "username": "lil_bean", "slug": "lil-bean"}
        ]

    def test_kicks_are_two_events(self, kick: Kick) -> None:
        kick.subscribe("kicks.gifted")
        gift, board = said(kick, lambda: kick.driver.kicks("mia", 500, message="gg"))
        assert gift[:2] == (NORA_CHANNEL, "KicksGifted")
        data = gift[2]
        take_uuid(data, "gift_transaction_id")
        assert data["gift"] == {
            "gift_id": "rage_quit",
            "name": "Rage Quit",
            "amount": 500,
            "type": "LEVEL_UP",
            "tier": "MID",
            "character_limit": 150,
            "pinned_time": 600_000_000_000,
        }
        assert (data["message"], data["sender"]["id"]) == ("gg", MIA)
        assert set(data["sender"]) == {"id", "username", "username_color", "profile_picture"}
        webhook = kick.receiver.wait_for(1)[0].body
        assert re.fullmatch(r"[-\d]{10}T[:\d]{8}\.\d{9}Z", data["created_at"])
        assert data["created_at"][:23] == webhook["created_at"][:23]
        assert board[:2] == (NORA_CHANNEL, "KicksLeaderboardUpdated")
        leaders = [{"user_id": MIA, "username": "MadCats", "quantity": 500}]
        for span in ("lifetime", "week", "month"):
            assert board[2][f"gifts_{span}"] == leaders
            assert board[2][f"gifts_{span}_enabled"] is True

    def test_redemption_has_no_id(self, kick: Kick) -> None:
        redeem: Callable[[], object] = lambda: kick.driver.redeem("mia", "Song", input="Abba")  # noqa: E731
        data = one(kick, redeem, NORA_CHATROOM, "RewardRedeemedEvent")
        assert data == {
            "reward_title": "Song",
            "user_id": MIA,
            "channel_id": NORA_CHANNEL_ID,
            "username": "MadCats",
            "user_input": "Abba",
            "reward_background_color": "#00e701",
        }


class TestStream:
    def test_stream_start_and_end_are_published(self, kick: Kick) -> None:
        live = one(kick, lambda: kick.driver.live(title="Slots!"), NORA_STREAM,
                   f"{APP}StreamerIsLive")["livestream"]  # fmt: skip
        started_at = kick.driver.state()["channels"][0]["started_at"]
        over = one(kick, kick.driver.offline, NORA_STREAM, f"{APP}StopStreamBroadcast")
        assert live == {
            "id": live["id"],
            "channel_id": NORA_CHANNEL_ID,
            "session_title": "Slots!",
            "created_at": started_at,
        }
        channel = {"id": NORA_CHANNEL_ID, "is_banned": False}
        assert over == {"livestream": {"id": live["id"], "channel": channel}}

    def test_follows_are_not_published(self, kick: Kick) -> None:
        assert said(kick, lambda: kick.driver.follow("mia")) == []


def test_unicode_survives_json(kick: Kick) -> None:
    """Names in other scripts arrive as they are."""
    data = said(kick, lambda: kick.driver.chat("yuki", "雪"))[0][2]
    assert json.loads(json.dumps(data))["content"] == "雪"
