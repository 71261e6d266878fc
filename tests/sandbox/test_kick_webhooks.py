"""Signed deliveries: headers, signature, bodies of all ten events, and every way they go wrong."""

import json
import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.kick.bodies import EVENT_TYPES
from tests.patience import PATIENCE
from tests.sandbox.kick_harness import LEO, MIA, NORA, TOMAS, VERA, Kick

ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CHAT = "chat.message.sent"
SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class TestDelivery:
    def test_delivery_has_documented_headers_and_signature(self, kick: Kick) -> None:
        (subscription,) = kick.subscribe(CHAT)
        kick.driver.chat("mia", "Grüße 🎰")
        got = kick.receiver.wait_for(1)[0]
        ours = {k: v for k, v in got.headers.items() if k.startswith(("Kick-", "Content-T"))}
        assert ours.keys() == {
            "Content-Type",
            "Kick-Event-Message-Id",
            "Kick-Event-Message-Timestamp",
            "Kick-Event-Signature",
            "Kick-Event-Subscription-Id",
            "Kick-Event-Type",
            "Kick-Event-Version",
        }
        assert ours["Content-Type"] == "application/json"
        assert ours["Kick-Event-Type"] == CHAT
        assert ours["Kick-Event-Version"] == "1"
        assert ours["Kick-Event-Subscription-Id"] == subscription
        assert ULID.fullmatch(got.message_id)
        assert SECONDS.fullmatch(ours["Kick-Event-Message-Timestamp"])
        assert got.is_signed_by(kick.public_key())

    def test_body_is_compact_utf8(self, kick: Kick) -> None:
        raw = kick.one(CHAT, lambda: kick.driver.chat("mia", "Grüße 🎰")).raw
        assert "Grüße 🎰".encode() in raw
        assert b'", "' not in raw
        assert b'": ' not in raw

    def test_nothing_is_sent_without_a_subscription(self, kick: Kick) -> None:
        kick.subscribe(CHAT, channel=VERA)
        kick.subscribe("channel.followed")
        kick.driver.chat("mia", "hello")
        kick.driver.settle()
        assert kick.receiver.received == []

    def test_two_subscriptions_send_two_deliveries_with_own_ids(self, kick: Kick) -> None:
        both = kick.subscribe(CHAT) + kick.subscribe(CHAT)
        kick.driver.chat("mia", "hello")
        first, second = kick.receiver.wait_for(2)
        assert first.message_id != second.message_id
        assert first.raw == second.raw
        seen = [each.headers["Kick-Event-Subscription-Id"] for each in (first, second)]
        assert seen == both

    def test_channels_are_isolated(self, kick: Kick) -> None:
        kick.subscribe(CHAT, channel=VERA)
        kick.driver.chat("mia", "hello", channel="vera")
        assert kick.receiver.wait_for(1)[0].body["broadcaster"]["user_id"] == VERA

    def test_order_is_kept_within_a_channel(self, kick: Kick) -> None:
        kick.subscribe(CHAT)
        for number in range(20):
            kick.driver.chat("mia", str(number))
        texts = [each.body["content"] for each in kick.receiver.wait_for(20)]
        assert texts == [str(number) for number in range(20)]

    def test_channels_do_not_wait_for_each_other(self, kick: Kick) -> None:
        kick.subscribe(CHAT)
        kick.subscribe(CHAT, channel=VERA)
        vera_came = threading.Event()

        def think(raw: bytes) -> None:
            if json.loads(raw)["content"] == "vera":
                vera_came.set()
            assert vera_came.wait(PATIENCE)

        kick.receiver.think = think
        kick.driver.fault(webhook__timeout_ms=int(PATIENCE * 1000))
        for channel in ("nora", "nora", "vera"):
            kick.driver.chat("mia", channel, channel=channel)
        texts = [each.body["content"] for each in kick.receiver.wait_for(3)]
        assert texts[2] == "nora"

    def test_failed_delivery_is_not_retried(self, kick: Kick) -> None:
        kick.receiver.status = 503
        kick.one(CHAT, lambda: kick.driver.chat("mia", "hello"))
        kick.driver.settle()
        assert len(kick.receiver.received) == 1

    def test_deliveries_are_recorded(self, kick: Kick) -> None:
        got = kick.one(CHAT, lambda: kick.driver.chat("mia", "hello"))
        kick.driver.settle()
        (record,) = kick.driver.deliveries(message_id=got.message_id)
        assert (record["type"], record["status"], record["attempt"]) == (CHAT, 204, 1)
        assert record["ms"] > 0
        assert kick.driver.deliveries(type="channel.followed") == []

    def test_connection_failure_is_recorded(self, kick: Kick) -> None:
        kick.driver.app(webhook_url="http://127.0.0.1:9/nobody")
        kick.subscribe(CHAT)
        kick.driver.chat("mia", "hello")
        kick.driver.settle()
        (record,) = kick.driver.deliveries()
        assert record["status"] is None
        assert record["error"]

    def test_rotated_key_signs_later_deliveries(self, kick: Kick) -> None:
        old = kick.public_key()
        new = kick.driver.rotate_key()
        got = kick.one(CHAT, lambda: kick.driver.chat("mia", "hello"))
        assert kick.public_key() == new != old
        assert got.is_signed_by(new)
        assert not got.is_signed_by(old)


class TestFaults:
    @pytest.fixture(autouse=True)
    def subscribed(self, kick: Kick) -> None:
        kick.subscribe(CHAT)

    def say(self, kick: Kick, *texts: str) -> list[str]:
        """Say these, wait; what arrived."""
        for text in texts:
            kick.driver.chat("mia", text)
        kick.driver.settle()
        return [each.body["content"] for each in kick.receiver.received]

    def test_delivery_can_be_duplicated_with_the_same_id(self, kick: Kick) -> None:
        kick.driver.fault(webhook__duplicate=1)
        assert self.say(kick, "a", "b") == ["a", "a", "b"]
        first, second, _ = kick.receiver.received
        assert first.message_id == second.message_id

    def test_delivery_can_be_duplicated_with_a_new_id(self, kick: Kick) -> None:
        kick.driver.fault(webhook__duplicate_new_id=1)
        assert self.say(kick, "a", "b") == ["a", "a", "b"]
        first, second, _ = kick.receiver.received
        assert first.message_id != second.message_id
        assert second.is_signed_by(kick.public_key())

    def test_delivery_can_be_dropped(self, kick: Kick) -> None:
        kick.driver.fault(webhook__drop=1)
        assert self.say(kick, "a", "b") == ["b"]
        assert kick.driver.deliveries()[0]["error"] == "dropped"

    def test_delay_keeps_the_order_and_does_not_add_up(self, kick: Kick) -> None:
        kick.driver.fault(webhook__delay_ms=300)
        began, texts = time.monotonic(), [str(number) for number in range(20)]
        assert self.say(kick, *texts) == texts
        assert kick.receiver.received[0].at - began >= 0.3
        added_up = 20 * 0.3
        assert kick.receiver.received[-1].at - began < added_up

    def test_signature_can_be_wrong(self, kick: Kick) -> None:
        kick.driver.fault(webhook__bad_signature=1)
        self.say(kick, "a", "b")
        pem = kick.public_key()
        assert [each.is_signed_by(pem) for each in kick.receiver.received] == [False, True]

    def test_wrong_type_is_not_covered_by_the_signature(self, kick: Kick) -> None:
        kick.driver.fault(webhook__wrong_type=1)
        self.say(kick, "a", "b")
        wrong, right = kick.receiver.received
        assert wrong.type != CHAT == right.type
        assert wrong.is_signed_by(kick.public_key())

    def test_deliveries_can_be_reordered(self, kick: Kick) -> None:
        kick.driver.fault(webhook__reorder=1)
        assert self.say(kick, "a", "b", "c") == ["b", "a", "c"]

    def test_clock_skew_is_signed(self, kick: Kick) -> None:
        kick.driver.fault(webhook__clock_skew_s=-7200)
        self.say(kick, "a")
        got = kick.receiver.received[0]
        stamp = datetime.fromisoformat(got.headers["Kick-Event-Message-Timestamp"])
        assert (datetime.now(UTC) - stamp).total_seconds() == pytest.approx(7200, abs=PATIENCE)
        assert got.is_signed_by(kick.public_key())

    def test_failed_delivery_can_be_retried(self, kick: Kick) -> None:
        kick.driver.fault(webhook__retries=2, webhook__retry_delay_ms=1)
        kick.receiver.status = 500
        assert self.say(kick, "a") == ["a", "a", "a"]
        assert len({each.message_id for each in kick.receiver.received}) == 1
        assert [each["attempt"] for each in kick.driver.deliveries()] == [1, 2, 3]

    def test_timeout_is_recorded_without_status(self, kick: Kick) -> None:
        kick.driver.fault(webhook__timeout_ms=50)
        over = threading.Event()
        kick.receiver.think = lambda _raw: over.wait(PATIENCE)
        kick.driver.chat("mia", "a")
        kick.driver.settle()
        assert kick.driver.deliveries()[0]["status"] is None
        over.set()

    def test_failing_event_type_is_unsubscribed(self, kick: Kick) -> None:
        kick.subscribe("channel.followed")
        kick.driver.fault(webhook__unsubscribe_after_s=0.0)
        kick.receiver.status = 500
        self.say(kick, "a")
        left = kick.driver.state()["webhooks"]["subscriptions"]
        assert [each["event"] for each in left] == ["channel.followed"]

    def test_success_resets_the_failure_period(self, kick: Kick) -> None:
        kick.driver.fault(webhook__unsubscribe_after_s=0.2)
        kick.receiver.status = 500
        self.say(kick, "a")
        kick.receiver.status = 204
        self.say(kick, "b")
        time.sleep(0.25)
        kick.receiver.status = 500
        self.say(kick, "c")
        assert len(kick.driver.state()["webhooks"]["subscriptions"]) == 1
        time.sleep(0.25)
        self.say(kick, "d")
        assert kick.driver.state()["webhooks"]["subscriptions"] == []


class TestBodies:
    def test_chat_has_the_documented_fields(self, kick: Kick) -> None:
        message_id = ""

        def act() -> None:
            nonlocal message_id
            message_id = kick.driver.chat(
                "mia", "Hi [emote:37226:KEKW][emote:37226:KEKW]", at="2026-11-20T12:00:00+01:00"
            )

        body = kick.one(CHAT, act).body
        assert UUID.fullmatch(message_id)
        assert body["message_id"] == message_id
        assert "replies_to" not in body
        assert body["broadcaster"]["user_id"] == NORA
        assert body["broadcaster"]["identity"] is None
        assert body["content"].startswith("Hi [emote")
        assert body["created_at"] == "2026-11-20T11:00:00Z"
        places = [{"s": 3, "e": 20}, {"s": 21, "e": 38}]
        assert body["emotes"] == [{"emote_id": "37226", "positions": places}]
        sender = body["sender"]
        assert sender.pop("profile_picture").startswith("http")
        assert re.fullmatch("#[0-9A-F]{6}", sender["identity"].pop("username_color"))
        assert sender == {
            "is_anonymous": False,
            "user_id": MIA,
            "username": "MadCats",
            "is_verified": False,
            "channel_slug": "madcats",
            "identity": {"badges": []},
        }

    def test_late_message_is_signed_with_the_current_time(self, kick: Kick) -> None:
        old = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
        got = kick.one(CHAT, lambda: kick.driver.chat("mia", "hello", at=old))
        stamp = datetime.fromisoformat(got.headers["Kick-Event-Message-Timestamp"])
        assert (datetime.now(UTC) - stamp).total_seconds() < PATIENCE

    def test_reply_has_the_original_message(self, kick: Kick) -> None:
        parent = kick.driver.chat("mia", "question")
        body = kick.one(CHAT, lambda: kick.driver.chat("leo", "answer", reply_to=parent)).body
        assert body["replies_to"]["message_id"] == parent
        assert body["replies_to"]["content"] == "question"
        assert body["replies_to"]["sender"]["username"] == "MadCats"

    def test_badges_match_the_sender(self, kick: Kick) -> None:
        kick.subscribe(CHAT)
        kick.driver.renew("mia", 7)
        kick.driver.gift("mia", ["leo"])
        kick.driver.badges("mia", [{"type": "vip", "text": "VIP"}])
        for person in ("nora", "tomas", "mia"):
            kick.driver.chat(person, "hello")
        badges = [
            {
                badge["type"]: badge.get("count")
                for badge in each.body["sender"]["identity"]["badges"]
            }
            for each in kick.receiver.wait_for(3)
        ]
        assert badges == [
            {"broadcaster": None},
            {"moderator": None},
            {"sub_gifter": 1, "subscriber": 7, "vip": None},
        ]

    def test_follow_has_neither_time_nor_id(self, kick: Kick) -> None:
        body = kick.one("channel.followed", lambda: kick.driver.follow("mia")).body
        assert body.keys() == {"broadcaster", "follower"}
        assert body["follower"]["user_id"] == MIA

    def test_new_subscription_lasts_a_month(self, kick: Kick) -> None:
        event = "channel.subscription.new"
        body = kick.one(event, lambda: kick.driver.subscribe("mia", at="2026-11-01T00:00:00Z")).body
        assert body.keys() == {"broadcaster", "subscriber", "duration", "created_at", "expires_at"}
        assert body["duration"] == 1
        assert body["created_at"] == "2026-11-01T00:00:00Z"
        assert body["expires_at"] == "2026-12-01T00:00:00Z"

    def test_renewal_has_the_original_start(self, kick: Kick) -> None:
        event = "channel.subscription.renewal"
        body = kick.one(event, lambda: kick.driver.renew("mia", 3, at="2026-11-01T00:00:00Z")).body
        assert body["duration"] == 3
        assert body["created_at"] == "2026-09-02T00:00:00Z"
        assert body["expires_at"] == "2026-12-01T00:00:00Z"

    def test_gifts_list_every_recipient(self, kick: Kick) -> None:
        event = "channel.subscription.gifts"
        body = kick.one(event, lambda: kick.driver.gift("mia", ["leo", "tomas"])).body
        assert body.keys() == {"broadcaster", "gifter", "giftees", "created_at", "expires_at"}
        assert body["gifter"]["user_id"] == MIA
        assert [each["user_id"] for each in body["giftees"]] == [LEO, TOMAS]

    def test_anonymous_gifter_has_no_id(self, kick: Kick) -> None:
        event = "channel.subscription.gifts"
        body = kick.one(event, lambda: kick.driver.gift(None, ["leo"])).body
        assert body["gifter"]["is_anonymous"] is True
        assert body["gifter"]["user_id"] is None
        assert body["gifter"]["username"] is None

    def test_large_drop_is_split(self, kick: Kick) -> None:
        kick.subscribe("channel.subscription.gifts")
        kick.driver.gift("mia", count=60)
        bodies = [each.body for each in kick.receiver.wait_for(3)]
        assert [len(body["giftees"]) for body in bodies] == [25, 25, 10]
        assert len({each["user_id"] for body in bodies for each in body["giftees"]}) == 60

    def test_kicks_have_exact_time_and_plain_sender(self, kick: Kick) -> None:
        at = "2026-11-01T04:00:08.634Z"
        body = kick.one(
            "kicks.gifted", lambda: kick.driver.kicks("mia", 500, message="w", at=at)
        ).body
        assert body["created_at"] == at
        assert body["gift"] == {
            "amount": 500,
            "name": "Rage Quit",
            "type": "LEVEL_UP",
            "tier": "MID",
            "message": "w",
            "pinned_time_seconds": 600,
        }
        plain = {"user_id", "username", "is_verified", "profile_picture", "channel_slug"}
        assert body["sender"].keys() == plain == body["broadcaster"].keys()

    def test_redemption_is_sent_again_when_decided(self, kick: Kick) -> None:
        redemption_id = ""

        def act() -> None:
            nonlocal redemption_id
            redemption_id = kick.driver.redeem("mia", "Hydrate", cost=1000, input="now")

        body = kick.one("channel.reward.redemption.updated", act).body
        assert (body["id"], body["status"], body["user_input"]) == (redemption_id, "pending", "now")
        assert (body["reward"]["title"], body["reward"]["cost"]) == ("Hydrate", 1000)
        assert re.fullmatch(r".*T\d\d:\d\d:\d\d\.\d{3}Z", body["redeemed_at"])
        kick.driver.decide(redemption_id, "accepted")
        again = kick.receiver.wait_for(2)[1].body
        assert (again["id"], again["status"]) == (redemption_id, "accepted")

    def test_live_and_offline_have_the_same_start(self, kick: Kick) -> None:
        kick.subscribe("livestream.status.updated")
        started = kick.driver.live(title="Slots!", started_at="2026-11-01T18:00:00Z")
        kick.driver.offline(ended_at="2026-11-01T22:00:00Z")
        begin, end = (each.body for each in kick.receiver.wait_for(2))
        assert (begin["is_live"], begin["title"], begin["ended_at"]) == (True, "Slots!", None)
        assert (end["is_live"], end["ended_at"]) == (False, "2026-11-01T22:00:00Z")
        assert begin["started_at"] == end["started_at"] == started == "2026-11-01T18:00:00Z"

    def test_metadata_has_the_category_twice(self, kick: Kick) -> None:
        event = "livestream.metadata.updated"
        body = kick.one(event, lambda: kick.driver.metadata(title="New", category_id=73)).body
        metadata = body["metadata"]
        assert (metadata["title"], metadata["language"]) == ("New", "en")
        assert metadata["has_mature_content"] is False
        assert metadata["category"]["name"] == "Chess"
        assert metadata["Category"] == metadata["category"]

    def test_timeout_has_an_end_and_ban_has_none(self, kick: Kick) -> None:
        kick.subscribe("moderation.banned")
        kick.driver.ban("mia", moderator="tomas", minutes=5, reason="caps")
        kick.driver.ban("leo")
        first, second = (each.body for each in kick.receiver.wait_for(2))
        assert first["moderator"]["user_id"] == TOMAS
        assert first["banned_user"]["user_id"] == MIA
        assert first["metadata"]["reason"] == "caps"
        created, expires = (
            datetime.fromisoformat(first["metadata"][key]) for key in ("created_at", "expires_at")
        )
        assert expires - created == timedelta(minutes=5)
        assert second["metadata"]["expires_at"] is None

    def test_all_ten_event_types_can_be_sent(self, kick: Kick) -> None:
        kick.subscribe(*EVENT_TYPES)
        driver = kick.driver
        driver.chat("mia", "hello")
        driver.follow("mia")
        driver.subscribe("mia")
        driver.renew("mia", 2)
        driver.gift("mia", ["leo"])
        driver.redeem("mia", "Hydrate")
        driver.live()
        driver.metadata(title="New")
        driver.ban("leo")
        driver.kicks("mia", 100)
        kick.receiver.wait_for(10)
        assert sorted(kick.receiver.types()) == sorted(EVENT_TYPES)


class TestBodyVariants:
    def test_person_fields_can_be_null_or_empty(self, kick: Kick) -> None:
        kick.driver.fault(body__is_verified_null=True, body__profile_picture_empty=True)
        body = kick.one("channel.followed", lambda: kick.driver.follow("mia")).body
        assert body["follower"]["is_verified"] is None
        assert body["follower"]["profile_picture"] == ""

    def test_chat_fields_can_be_null(self, kick: Kick) -> None:
        kick.driver.fault(body__emotes_null=True, body__replies_to_null=True)
        body = kick.one(CHAT, lambda: kick.driver.chat("mia", "hello")).body
        assert body["emotes"] is None
        assert body["replies_to"] is None

    def test_gift_can_be_echoed_as_new_subscription(self, kick: Kick) -> None:
        kick.driver.fault(body__gift_echo=True)
        kick.subscribe("channel.subscription.new", "channel.subscription.gifts")
        kick.driver.gift("mia", ["leo"])
        _, echo = kick.receiver.wait_for(2)
        assert echo.type == "channel.subscription.new"
        assert echo.body["subscriber"]["user_id"] == LEO

    def test_recipient_can_lack_an_id(self, kick: Kick) -> None:
        kick.driver.fault(body__giftee_without_id=1)
        gift = kick.one(
            "channel.subscription.gifts", lambda: kick.driver.gift("mia", ["leo", "tomas"])
        )
        assert [each["user_id"] is None for each in gift.body["giftees"]] == [True, False]

    def test_renewal_can_match_the_documentation(self, kick: Kick) -> None:
        kick.driver.fault(body__renewal_as_documented=True)
        renewal = kick.one("channel.subscription.renewal", lambda: kick.driver.renew("mia", 3)).body
        assert renewal["duration"] == 3
        span = datetime.fromisoformat(renewal["expires_at"]) - datetime.fromisoformat(
            renewal["created_at"]
        )
        assert span.days == 30

    def test_kicks_can_be_silent(self, kick: Kick) -> None:
        kick.driver.fault(body__kicks_silent=True)
        kick.subscribe("kicks.gifted", CHAT)
        kick.driver.kicks("mia", 100)
        kick.driver.chat("mia", "hello")
        assert kick.receiver.wait_for(1)[0].type == CHAT

    def test_gifts_can_be_split_smaller(self, kick: Kick) -> None:
        kick.driver.fault(body__gift_chunk=1)
        kick.subscribe("channel.subscription.gifts")
        kick.driver.gift("mia", ["leo", "tomas"])
        assert [len(each.body["giftees"]) for each in kick.receiver.wait_for(2)] == [1, 1]


class TestCustomDeliveries:
    def test_custom_delivery_is_signed(self, kick: Kick) -> None:
        answer = kick.driver.deliver(type="channel.followed", body={"a": 1})
        got = kick.receiver.wait_for(1)[0]
        assert answer["status"] == 204
        assert got.message_id == answer["message_id"]
        assert (got.type, got.raw) == ("channel.followed", b'{"a":1}')
        assert got.is_signed_by(kick.public_key())

    def test_every_part_can_be_overridden(self, kick: Kick) -> None:
        message_id, stamp = "01JQ0000000000000000000000", "2020-01-01T00:00:00Z"
        headers = {"Content-Type": "text/plain", "Kick-Event-Version": None, "X-More": "1"}
        kick.driver.deliver(message_id=message_id, timestamp=stamp, headers=headers, raw="{broken")
        got = kick.receiver.wait_for(1)[0]
        assert (got.message_id, got.raw) == (message_id, b"{broken")
        assert got.headers["Kick-Event-Message-Timestamp"] == stamp
        assert got.headers["Content-Type"] == "text/plain"
        assert got.headers["X-More"] == "1"
        assert "Kick-Event-Version" not in got.headers
        assert got.is_signed_by(kick.public_key())

    def test_signature_can_be_set(self, kick: Kick) -> None:
        kick.driver.deliver(body={}, signature="AAAA")
        assert kick.receiver.wait_for(1)[0].headers["Kick-Event-Signature"] == "AAAA"

    def test_signature_can_be_omitted(self, kick: Kick) -> None:
        kick.driver.deliver(body={}, headers={"Kick-Event-Signature": None})
        assert "Kick-Event-Signature" not in kick.receiver.wait_for(1)[0].headers

    def test_response_status_is_returned(self, kick: Kick) -> None:
        kick.receiver.status = 401
        assert kick.driver.deliver(body={})["status"] == 401
