"""The public API: users, channels, livestreams, categories, chat, moderation, error shapes."""

import re
import time
from typing import Any

import pytest
import requests

from tests.patience import PATIENCE
from tests.sandbox.kick_harness import LEO, MIA, NORA, TOMAS, VERA, Kick

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PATHS = [
    ("GET", "/v1/users"),
    ("GET", "/v1/channels"),
    ("PATCH", "/v1/channels"),
    ("GET", "/v2/livestreams"),
    ("GET", "/v1/users/livestreams"),
    ("GET", "/v1/livestreams"),
    ("GET", "/v1/livestreams/stats"),
    ("GET", "/v2/categories"),
    ("GET", "/v1/categories"),
    ("GET", "/v1/categories/15"),
    ("POST", "/v1/chat"),
    ("DELETE", "/v1/chat/x"),
    ("POST", "/v1/moderation/bans"),
    ("DELETE", "/v1/moderation/bans"),
    ("GET", "/v1/channels/rewards"),
    ("POST", "/v1/channels/rewards"),
    ("PATCH", "/v1/channels/rewards/x"),
    ("DELETE", "/v1/channels/rewards/x"),
    ("GET", "/v1/channels/rewards/redemptions"),
    ("POST", "/v1/channels/rewards/redemptions/accept"),
    ("POST", "/v1/channels/rewards/redemptions/reject"),
    ("GET", "/v1/kicks/leaderboard"),
    ("GET", "/v1/events/subscriptions"),
    ("POST", "/v1/events/subscriptions"),
    ("DELETE", "/v1/events/subscriptions"),
]
SCOPED = [
    ("GET", "/v1/users", "user:read"),
    ("GET", "/v1/channels", "channel:read"),
    ("PATCH", "/v1/channels", "channel:write"),
    ("POST", "/v1/chat", "chat:write"),
    ("DELETE", "/v1/chat/x", "moderation:chat_message:manage"),
    ("POST", "/v1/moderation/bans", "moderation:ban"),
    ("DELETE", "/v1/moderation/bans", "moderation:ban"),
    ("GET", "/v1/channels/rewards", "channel:rewards:read"),
    ("POST", "/v1/channels/rewards", "channel:rewards:write"),
    ("GET", "/v1/channels/rewards/redemptions", "channel:rewards:write"),
    ("POST", "/v1/channels/rewards/redemptions/accept", "channel:rewards:write"),
    ("GET", "/v1/kicks/leaderboard", "kicks:read"),
    ("GET", "/v1/events/subscriptions", "events:subscribe"),
    ("POST", "/v1/events/subscriptions", "events:subscribe"),
]
USER_ONLY = ["/v1/kicks/leaderboard", "/v1/channels/rewards", "/v1/channels/rewards/redemptions"]


def refused(answer: requests.Response, status: int, reason: object = None) -> None:
    """The first error shape, or the second when there is a reason."""
    words = {400: "Bad request", 401: "Unauthorized", 403: "Forbidden", 404: "Not found"}
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json()["message"] == words[status]
    if reason is None:
        assert answer.json()["data"] is None
    else:
        assert answer.json()["data"] == reason


def bad(answer: requests.Response) -> None:
    """A 400 with some reason in ``data``."""
    assert answer.status_code == 400
    assert answer.json()["message"] == "Bad request"
    assert isinstance(answer.json()["data"], str)


class TestTokens:
    def test_every_endpoint_requires_a_valid_token(self, kick: Kick) -> None:
        for method, path in PATHS:
            refused(kick.call(method, path), 401)
            refused(kick.call(method, path, "made-up"), 401)

    def test_endpoints_require_their_scope(self, kick: Kick) -> None:
        without = kick.user_token("mia", "streamkey:read")
        for method, path, scope in SCOPED:
            refused(kick.call(method, path, without), 403)
            having = kick.user_token("mia", scope)
            assert kick.call(method, path, having).status_code not in (401, 403)

    def test_app_token_is_rejected_for_user_endpoints(self, kick: Kick) -> None:
        app = kick.app_token()
        for path in USER_ONLY:
            refused(kick.call("GET", path, app), 401)
        refused(kick.call("POST", "/v1/chat", app, json={}), 401)


class TestFaults:
    def users(self, kick: Kick) -> requests.Response:
        return kick.call("GET", "/v1/users", kick.env["KICK_BOT_USER_TOKEN"])

    @pytest.mark.parametrize("status", [500, 429, 401])
    def test_error_count_applies_to_the_next_n(self, kick: Kick, status: int) -> None:
        kick.driver.fault(**{f"api__{status}": 2})
        assert [self.users(kick).status_code for _ in range(3)] == [status, status, 200]

    def test_error_can_have_an_empty_object(self, kick: Kick) -> None:
        kick.driver.fault(api__401=1, api__empty_object_errors=True)
        assert self.users(kick).json() == {"data": {}, "message": "Unauthorized"}

    def test_429_can_have_retry_after(self, kick: Kick) -> None:
        kick.driver.fault(api__429=1)
        assert "Retry-After" not in self.users(kick).headers
        kick.driver.fault(api__429=1, api__retry_after_s=7)
        assert self.users(kick).headers["Retry-After"] == "7"

    def test_cloudflare_block_is_403(self, kick: Kick) -> None:
        kick.driver.fault(api__cloudflare_403=1)
        answer = self.users(kick)
        assert answer.status_code == 403
        assert answer.json().keys() == {"error", "reference"}
        assert answer.json()["error"] == "Request blocked by security policy."

    def test_html_error_is_502(self, kick: Kick) -> None:
        kick.driver.fault(api__html_error=1)
        answer = self.users(kick)
        assert answer.status_code == 502
        assert answer.headers["Content-Type"].startswith("text/html")

    def test_slow_fault_delays_responses(self, kick: Kick) -> None:
        kick.driver.fault(api__slow_ms=80)
        began = time.monotonic()
        self.users(kick)
        assert time.monotonic() - began >= 0.08

    def test_fault_can_be_limited_to_paths(self, kick: Kick) -> None:
        kick.driver.faults({"kick.api.500": 1, "kick.api.only": "/chat"})
        assert self.users(kick).status_code == 200
        assert kick.call("POST", "/v1/chat").status_code == 500


class TestUsers:
    def test_token_without_ids_returns_its_own_user(self, kick: Kick) -> None:
        body = kick.call("GET", "/v1/users", kick.user_token("mia")).json()
        assert body["message"] == "OK"
        (user,) = body["data"]
        assert (user["user_id"], user["name"]) == (MIA, "MadCats")
        assert user.keys() == {"user_id", "name", "email", "profile_picture"}
        assert "@" in user["email"]
        assert requests.get(user["profile_picture"], timeout=PATIENCE).status_code == 200

    def test_other_users_have_no_email(self, kick: Kick) -> None:
        params = {"id": [LEO, 999, NORA]}
        data = kick.call("GET", "/v1/users", kick.app_token(), params=params).json()["data"]
        assert [user["name"] for user in data] == ["lil_bean", "NoraPlays"]
        assert {user["email"] for user in data} == {""}

    def test_invalid_ids_are_rejected(self, kick: Kick) -> None:
        app = kick.app_token()
        bad(kick.call("GET", "/v1/users", app))
        bad(kick.call("GET", "/v1/users", app, params={"id": "nora"}))
        bad(kick.call("GET", "/v1/users", app, params={"id": list(range(51))}))

    def test_rename_keeps_the_id(self, kick: Kick) -> None:
        assert kick.driver.rename("mia", "Mad_Cats2") == "mad-cats2"
        params = {"slug": "mad-cats2"}
        data = kick.call("GET", "/v1/channels", kick.app_token(), params=params).json()["data"]
        assert data[0]["broadcaster_user_id"] == MIA


class TestChannels:
    def get(self, kick: Kick, **params: Any) -> requests.Response:
        return kick.call("GET", "/v1/channels", kick.app_token(), params=params)

    def test_channels_are_found_by_slug_and_id(self, kick: Kick) -> None:
        by_slug = self.get(kick, slug=["noraplays", "tomas-tv"]).json()["data"]
        by_id = self.get(kick, broadcaster_user_id=[NORA, 999, TOMAS]).json()["data"]
        assert by_slug == by_id
        assert [channel["slug"] for channel in by_id] == ["noraplays", "tomas-tv"]

    def test_channel_has_the_documented_fields(self, kick: Kick) -> None:
        channel = self.get(kick, slug="noraplays").json()["data"][0]
        assert channel.keys() == {
            "broadcaster_user_id", "slug", "channel_description", "banner_picture", "stream_title",
            "category", "active_subscribers_count", "active_gifted_subscribers_count",
            "canceled_subscribers_count", "stream",
        }  # fmt: skip
        assert channel["category"].keys() == {"id", "name", "thumbnail"}
        assert channel["stream"].keys() == {
            "is_live", "is_mature", "language", "start_time", "viewer_count", "thumbnail",
            "custom_tags", "key", "url",
        }  # fmt: skip
        assert channel["stream"]["is_live"] is False

    def test_user_token_returns_its_own_channel(self, kick: Kick) -> None:
        token = kick.user_token("vera", "channel:read")
        assert kick.call("GET", "/v1/channels", token).json()["data"][0]["slug"] == "veraspins"

    def test_one_unknown_slug_fails_the_request(self, kick: Kick) -> None:
        bad(self.get(kick, slug=["noraplays", "nobody"]))

    def test_invalid_parameters_are_rejected(self, kick: Kick) -> None:
        bad(self.get(kick))
        bad(self.get(kick, slug="noraplays", broadcaster_user_id=NORA))
        bad(self.get(kick, slug=["noraplays"] * 51))

    def test_live_stream_and_subscriber_counts_are_returned(self, kick: Kick) -> None:
        started = kick.driver.live()
        kick.driver.viewers(77)
        kick.driver.subscribe("mia")
        kick.driver.gift("mia", ["leo", "sam"])
        channel = self.get(kick, slug="noraplays").json()["data"][0]
        assert channel["stream"]["is_live"] is True
        assert channel["stream"]["start_time"] == started
        assert channel["stream"]["viewer_count"] == 77
        assert channel["active_subscribers_count"] == 3
        assert channel["active_gifted_subscribers_count"] == 2

    def test_stream_key_requires_owner_and_scope(self, kick: Kick) -> None:
        def key(person: str, scope: str) -> str:
            token = kick.user_token(person, scope)
            params = {"slug": "noraplays"}
            data = kick.call("GET", "/v1/channels", token, params=params).json()["data"]
            return str(data[0]["stream"]["key"])

        assert key("nora", "channel:read streamkey:read")
        assert key("nora", "channel:read") == ""
        assert key("mia", "channel:read streamkey:read") == ""

    def test_channel_can_be_changed(self, kick: Kick) -> None:
        token = kick.user_token("nora", "channel:write")
        change = {"stream_title": "New", "category_id": 73, "custom_tags": ["a", "b"]}
        answer = kick.call("PATCH", "/v1/channels", token, json=change)
        assert (answer.status_code, answer.content) == (204, b"")
        channel = self.get(kick, slug="noraplays").json()["data"][0]
        assert (channel["stream_title"], channel["category"]["id"]) == ("New", 73)
        assert channel["stream"]["custom_tags"] == ["a", "b"]
        for wrong in ({"category_id": 1}, {"custom_tags": ["x"] * 11}, {"stream_title": 5}):
            bad(kick.call("PATCH", "/v1/channels", token, json=wrong))
        bad(kick.call("PATCH", "/v1/channels", token, data="{broken"))


class TestLivestreams:
    def get(self, kick: Kick, path: str, **params: Any) -> requests.Response:
        return kick.call("GET", path, kick.app_token(), params=params)

    def test_offline_channel_is_absent(self, kick: Kick) -> None:
        assert self.get(kick, "/v1/users/livestreams", user_id=NORA).json()["data"] == []
        assert self.get(kick, "/v2/livestreams").json()["data"] == []
        assert self.get(kick, "/v1/livestreams").json()["data"] == []
        assert self.get(kick, "/v1/livestreams/stats").json()["data"] == {"total_count": 0}

    def test_livestreams_of_users_are_returned(self, kick: Kick) -> None:
        started = kick.driver.live(title="Slots!", channel="vera")
        data = self.get(kick, "/v1/users/livestreams", user_id=[NORA, VERA]).json()["data"]
        (item,) = data
        assert item.keys() == {
            "id", "title", "started_at", "viewer_count", "language_code", "has_mature_content",
            "tags", "thumbnail", "channel", "broadcaster_user", "category",
        }  # fmt: skip
        assert (item["title"], item["started_at"]) == ("Slots!", started)
        assert item["channel"] == {"slug": "veraspins"}
        assert item["broadcaster_user"]["id"] == VERA
        assert self.get(kick, "/v2/livestreams").json()["data"] == data

    def test_livestreams_of_users_require_ids(self, kick: Kick) -> None:
        bad(self.get(kick, "/v1/users/livestreams"))
        bad(self.get(kick, "/v1/users/livestreams", user_id=list(range(101))))

    def test_v1_has_the_channel_id(self, kick: Kick) -> None:
        kick.driver.live()
        (item,) = self.get(kick, "/v1/livestreams", broadcaster_user_id=NORA).json()["data"]
        assert item["channel_id"] == 2_100_001
        assert item["broadcaster_user_id"] == NORA
        assert item["slug"] == "noraplays"
        assert self.get(kick, "/v1/livestreams", broadcaster_user_id=VERA).json()["data"] == []

    def test_v1_is_sorted(self, kick: Kick) -> None:
        kick.driver.live(started_at="2026-11-20T10:00:00Z")
        kick.driver.live(channel="vera", started_at="2026-11-20T09:00:00Z")
        kick.driver.viewers(500, channel="vera")

        def slugs(**params: str) -> list[str]:
            return [
                each["slug"] for each in self.get(kick, "/v1/livestreams", **params).json()["data"]
            ]

        assert slugs() == ["veraspins", "noraplays"]
        assert slugs(sort="started_at") == ["noraplays", "veraspins"]
        bad(self.get(kick, "/v1/livestreams", sort="name"))
        bad(self.get(kick, "/v1/livestreams", limit=101))

    def test_v2_is_filtered_and_paginated(self, kick: Kick) -> None:
        kick.driver.metadata(category_id=73)
        kick.driver.live()
        kick.driver.live(channel="vera")
        path = "/v2/livestreams"
        chess = self.get(kick, path, category_id=[73, 57]).json()["data"]
        assert [item["channel"]["slug"] for item in chess] == ["noraplays"]
        assert self.get(kick, path, language_code="sv").json()["data"] == []
        first = self.get(kick, path, limit=1).json()
        second = self.get(kick, path, limit=1, cursor=first["pagination"]["next_cursor"]).json()
        assert second["pagination"]["next_cursor"] == ""
        slugs = [page["data"][0]["channel"]["slug"] for page in (first, second)]
        assert slugs == ["noraplays", "veraspins"]
        bad(self.get(kick, path, cursor="nonsense"))
        bad(self.get(kick, path, limit=1001))

    def test_ended_stream_is_absent(self, kick: Kick) -> None:
        kick.driver.live()
        kick.driver.offline()
        assert self.get(kick, "/v1/users/livestreams", user_id=NORA).json()["data"] == []


class TestCategories:
    def get(self, kick: Kick, path: str, **params: Any) -> requests.Response:
        return kick.call("GET", path, kick.app_token(), params=params)

    def test_v2_accepts_comma_separated_values(self, kick: Kick) -> None:
        data = self.get(kick, "/v2/categories", id="73,57").json()["data"]
        assert [category["name"] for category in data] == ["Minecraft", "Chess"]
        assert data[0].keys() == {"id", "name", "tags", "thumbnail"}
        by_name = self.get(kick, "/v2/categories", name="slots").json()["data"]
        assert by_name[0]["id"] == 28
        assert self.get(kick, "/v2/categories", tag="fps,none").json()["data"][0]["id"] == 34

    def test_v2_is_paginated(self, kick: Kick) -> None:
        seen, cursor = [], ""
        while True:
            params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            body = self.get(kick, "/v2/categories", **params).json()
            seen += [category["id"] for category in body["data"]]
            cursor = body["pagination"]["next_cursor"]
            if not cursor:
                break
            assert len(cursor) >= 4
        assert seen == [15, 28, 34, 57, 73]

    def test_v1_searches_and_returns_one(self, kick: Kick) -> None:
        kick.driver.live()
        kick.driver.viewers(9)
        assert self.get(kick, "/v1/categories", q="chess").json()["data"][0]["id"] == 73
        bad(self.get(kick, "/v1/categories"))
        category = self.get(kick, "/v1/categories/28").json()["data"]
        assert (category["viewer_count"], category["tags"]) == (9, ["Gambling"])
        refused(self.get(kick, "/v1/categories/1"), 404)


class TestChat:
    def post(self, kick: Kick, token: str | None = None, **body: Any) -> requests.Response:
        message = {"type": "user", "broadcaster_user_id": NORA, "content": "hello"} | body
        given = {key: value for key, value in message.items() if value is not None}
        return kick.call("POST", "/v1/chat", token or kick.env["KICK_BOT_USER_TOKEN"], json=given)

    def test_message_returns_by_webhook(self, kick: Kick) -> None:
        kick.subscribe("chat.message.sent")
        body = self.post(kick).json()
        assert body["message"] == "OK"
        assert body["data"].keys() == {"is_sent", "message_id"}
        assert body["data"]["is_sent"] is True
        assert UUID.fullmatch(body["data"]["message_id"])
        got = kick.receiver.wait_for(1)[0].body
        assert got["message_id"] == body["data"]["message_id"]
        assert got["sender"]["username"] == "RegularsBot"
        (line,) = kick.driver.transcript()
        assert (line["text"], line["by_bot"]) == ("hello", True)

    def test_user_can_post_in_any_channel(self, kick: Kick) -> None:
        self.post(kick, broadcaster_user_id=VERA)
        assert kick.driver.transcript()[0]["channel"] == "veraspins"

    def test_500_code_points_are_accepted(self, kick: Kick) -> None:
        assert self.post(kick, content="🎰" * 500).json()["data"]["is_sent"] is True
        bad(self.post(kick, content="🎰" * 501))

    @pytest.mark.parametrize(
        "body",
        [
            {"content": None},
            {"content": "  "},
            {"content": 5},
            {"type": None},
            {"type": "robot"},
            {"broadcaster_user_id": None},
            {"broadcaster_user_id": "4100001"},
            {"broadcaster_user_id": 1},
            {"reply_to_message_id": "unknown"},
        ],
    )
    def test_invalid_messages_are_rejected(self, kick: Kick, body: dict[str, Any]) -> None:
        bad(self.post(kick, **body))
        assert kick.driver.transcript() == []

    def test_reply_references_a_message_of_the_channel(self, kick: Kick) -> None:
        question = kick.driver.chat("mia", "question")
        self.post(kick, reply_to_message_id=question)
        assert kick.driver.transcript()[1]["reply_to"] == question
        elsewhere = kick.driver.chat("mia", "question", channel="vera")
        bad(self.post(kick, reply_to_message_id=elsewhere))

    def test_bot_message_goes_to_the_token_owners_channel(self, kick: Kick) -> None:
        token = kick.user_token("vera", "chat:write")
        assert self.post(kick, token, type="bot", broadcaster_user_id=NORA).ok
        (line,) = kick.driver.transcript()
        assert (line["channel"], line["sender"]) == ("veraspins", "Regulars")
        assert line["badges"] == [{"text": "Bot", "type": "bot"}]
        assert line["by_bot"] is True

    def test_bot_faults_are_returned(self, kick: Kick) -> None:
        token = kick.user_token("nora", "chat:write")
        kick.driver.fault(chat__bot_missing=True)
        refused(self.post(kick, token, type="bot"), 400, "Channel not found")
        kick.driver.fault(chat__bot_401=True)
        refused(self.post(kick, token, type="bot"), 401)
        kick.driver.fault(chat__bot_500=True)
        assert self.post(kick, token, type="bot").status_code == 500
        assert self.post(kick, token).ok

    def test_is_sent_false_posts_nothing(self, kick: Kick) -> None:
        kick.driver.fault(chat__is_sent_false=1)
        assert self.post(kick).json()["data"]["is_sent"] is False
        assert kick.driver.transcript() == []
        assert self.post(kick).json()["data"]["is_sent"] is True

    def test_message_with_lost_reply_is_posted(self, kick: Kick) -> None:
        kick.driver.fault(chat__lost_reply=1)
        with pytest.raises(requests.ConnectionError):
            self.post(kick)
        assert [line["text"] for line in kick.driver.transcript()] == ["hello"]

    def test_quota_error_is_returned(self, kick: Kick) -> None:
        kick.driver.fault(chat__quota=1)
        answer = self.post(kick)
        bad(answer)
        assert answer.json()["data"].startswith("Pusher error")

    def test_banned_sender_is_rejected(self, kick: Kick) -> None:
        token = kick.user_token("mia", "chat:write")
        kick.driver.ban("mia", minutes=5)
        refused(self.post(kick, token), 403)
        kick.driver.unban("mia")
        assert self.post(kick, token).ok

    def test_message_is_deleted_by_a_moderator(self, kick: Kick) -> None:
        message_id = kick.driver.chat("mia", "hello")
        path = f"/v1/chat/{message_id}"
        scope = "moderation:chat_message:manage"
        refused(kick.call("DELETE", path, kick.user_token("leo", scope)), 403)
        moderator = kick.user_token("tomas", scope)
        assert kick.call("DELETE", path, moderator).status_code == 204
        assert kick.driver.transcript() == []
        refused(kick.call("DELETE", path, moderator), 404)


class TestModeration:
    def ban(self, kick: Kick, person: str, method: str = "POST", **more: Any) -> requests.Response:
        body = {"broadcaster_user_id": NORA, "user_id": MIA} | more
        token = kick.user_token(person, "moderation:ban")
        return kick.call(method, "/v1/moderation/bans", token, json=body)

    def test_timeout_is_in_minutes(self, kick: Kick) -> None:
        kick.subscribe("moderation.banned")
        answer = self.ban(kick, "tomas", duration=10, reason="caps")
        assert (answer.status_code, answer.json()["data"]) == (200, {})
        body = kick.receiver.wait_for(1)[0].body
        assert (body["moderator"]["user_id"], body["banned_user"]["user_id"]) == (TOMAS, MIA)
        assert body["metadata"]["expires_at"] is not None

    def test_unban_lifts_the_ban(self, kick: Kick) -> None:
        self.ban(kick, "nora")
        answer = self.ban(kick, "nora", "DELETE")
        assert (answer.status_code, answer.json()["data"]) == (200, {})
        kick.driver.chat("mia", "I am back")

    def test_invalid_bans_are_rejected(self, kick: Kick) -> None:
        refused(self.ban(kick, "leo"), 403)
        refused(self.ban(kick, "tomas", broadcaster_user_id=VERA), 403)
        refused(self.ban(kick, "nora", user_id=1), 404)
        for wrong in ({"duration": 0}, {"duration": 10081}, {"reason": "x" * 101}):
            bad(self.ban(kick, "nora", **wrong))
        bad(self.ban(kick, "nora", user_id=NORA))
        bad(self.ban(kick, "nora", user_id="4100003"))


class TestKicks:
    def test_leaderboard_has_lifetime_month_and_week(self, kick: Kick) -> None:
        kick.driver.kicks("mia", 100)
        kick.driver.kicks("leo", 300, at="2020-01-01T00:00:00Z")
        kick.driver.kicks("mia", 50)
        token = kick.user_token("nora", "kicks:read")
        data = kick.call("GET", "/v1/kicks/leaderboard", token, params={"top": 1}).json()["data"]
        leo = {"rank": 1, "user_id": LEO, "username": "lil_bean", "gifted_amount": 300}
        mia = {"rank": 1, "user_id": MIA, "username": "MadCats", "gifted_amount": 150}
        assert data == {"lifetime": [leo], "month": [mia], "week": [mia]}
        bad(kick.call("GET", "/v1/kicks/leaderboard", token, params={"top": 101}))
