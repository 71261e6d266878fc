"""Event subscriptions and the public key."""

from typing import Any

import pytest
import requests

from tests.sandbox.kick_harness import MIA, NORA, VERA, Kick
from tests.sandbox.test_kick_api import bad, refused

PATH = "/v1/events/subscriptions"
CHAT = "chat.message.sent"


def post(kick: Kick, token: str | None = None, **body: Any) -> requests.Response:
    wanted = {
        "broadcaster_user_id": NORA,
        "method": "webhook",
        "events": [{"name": CHAT, "version": 1}],
    }
    given = {key: value for key, value in (wanted | body).items() if value is not None}
    return kick.call("POST", PATH, token or kick.app_token(), json=given)


def listed(kick: Kick, token: str | None = None, **params: Any) -> list[dict[str, Any]]:
    answer = kick.call("GET", PATH, token or kick.app_token(), params=params)
    assert answer.status_code == 200
    return list(answer.json()["data"])


def test_subscriptions_are_created_and_listed(kick: Kick) -> None:
    (item,) = post(kick).json()["data"]
    assert (item["name"], item["version"], item["error"]) == (CHAT, 1, "")
    (shown,) = listed(kick)
    assert shown.keys() == {
        "id", "app_id", "broadcaster_user_id", "event", "version", "method", "created_at",
        "updated_at",
    }  # fmt: skip
    assert shown["id"] == item["subscription_id"]
    assert (shown["event"], shown["method"]) == (CHAT, "webhook")
    assert shown["app_id"] == kick.env["KICK_CLIENT_ID"]


def test_list_can_be_limited_to_one_channel(kick: Kick) -> None:
    post(kick)
    post(kick, broadcaster_user_id=VERA)
    assert len(listed(kick)) == 2
    (only,) = listed(kick, broadcaster_user_id=VERA)
    assert only["broadcaster_user_id"] == VERA


def test_errors_are_per_item_under_200(kick: Kick) -> None:
    events = [
        {"name": CHAT, "version": 1},
        {"name": "channel.raided", "version": 1},
        {"name": "channel.followed", "version": 2},
    ]
    answer = post(kick, events=events)
    assert answer.status_code == 200
    good, unknown, version = answer.json()["data"]
    assert good["error"] == ""
    assert good["subscription_id"]
    for failed in (unknown, version):
        assert failed["error"]
        assert failed["subscription_id"] == ""
    assert [each["event"] for each in listed(kick)] == [CHAT]


def test_item_error_fault_applies_once(kick: Kick) -> None:
    kick.driver.fault(subscriptions__item_error=1)
    events = [{"name": CHAT, "version": 1}, {"name": "channel.followed", "version": 1}]
    errors = [bool(item["error"]) for item in post(kick, events=events).json()["data"]]
    assert errors == [True, False]


def test_repeated_subscription_is_a_second_one(kick: Kick) -> None:
    first, second = (post(kick).json()["data"][0]["subscription_id"] for _ in range(2))
    assert first != second
    assert {each["id"] for each in listed(kick)} == {first, second}


def test_user_token_subscribes_its_own_channel(kick: Kick) -> None:
    token = kick.user_token("vera", "events:subscribe")
    post(kick, token, broadcaster_user_id=NORA)
    post(kick)
    (own,) = listed(kick, token)
    assert own["broadcaster_user_id"] == VERA
    assert [
        each["broadcaster_user_id"] for each in listed(kick, token, broadcaster_user_id=NORA)
    ] == [VERA]


@pytest.mark.parametrize(
    "body",
    [
        {"method": "websocket"},
        {"method": None},
        {"events": []},
        {"events": None},
        {"events": [CHAT]},
        {"broadcaster_user_id": None},
        {"broadcaster_user_id": 1},
    ],
)
def test_invalid_subscriptions_are_rejected(kick: Kick, body: dict[str, Any]) -> None:
    bad(post(kick, **body))
    assert listed(kick) == []


def test_limit_counts_only_chat(kick: Kick) -> None:
    kick.driver.fault(subscriptions__chat_limit=1)
    assert post(kick).ok
    refused(post(kick, broadcaster_user_id=VERA), 400, "event subscription limit reached")
    assert post(kick, events=[{"name": "channel.followed", "version": 1}]).ok


def test_user_list_can_be_empty_by_fault(kick: Kick) -> None:
    token = kick.user_token("nora", "events:subscribe")
    post(kick, token)
    kick.driver.fault(subscriptions__list_empty=True)
    assert listed(kick, token) == []
    assert len(listed(kick)) == 1


class TestUnsubscribe:
    def delete(self, kick: Kick, ids: list[str], token: str | None = None) -> requests.Response:
        return kick.call("DELETE", PATH, token or kick.app_token(), params={"id": ids})

    def test_subscriptions_are_deleted_by_repeated_id(self, kick: Kick) -> None:
        ids = kick.subscribe(CHAT, "channel.followed", "kicks.gifted")
        answer = self.delete(kick, ids[:2])
        assert (answer.status_code, answer.content) == (204, b"")
        assert [each["id"] for each in listed(kick)] == ids[2:]
        kick.driver.chat("mia", "hello")
        kick.driver.settle()
        assert kick.receiver.received == []

    def test_user_token_deletes_only_its_own(self, kick: Kick) -> None:
        ids = kick.subscribe(CHAT)
        self.delete(kick, ids, kick.user_token("vera", "events:subscribe"))
        assert len(listed(kick)) == 1

    def test_invalid_deletions_are_rejected(self, kick: Kick) -> None:
        bad(self.delete(kick, []))
        assert self.delete(kick, [str(number) for number in range(330)]).status_code == 500


class TestPortal:
    def test_disabling_webhooks_removes_all_subscriptions(self, kick: Kick) -> None:
        kick.subscribe(CHAT)
        kick.driver.app(webhooks_enabled=False)
        assert listed(kick) == []
        assert post(kick).json()["data"][0]["error"]
        kick.driver.app(webhooks_enabled=True)
        assert post(kick).json()["data"][0]["error"] == ""

    def test_webhook_url_can_change(self, kick: Kick) -> None:
        state = kick.driver.app(webhook_url=kick.receiver.url + "/moved")
        assert state["url"].endswith("/moved")


class TestPublicKey:
    def test_public_key_needs_no_token(self, kick: Kick) -> None:
        body = kick.call("GET", "/v1/public-key").json()
        assert body["message"] == "OK"
        assert body["data"]["public_key"].startswith("-----BEGIN PUBLIC KEY-----\n")

    def test_public_key_can_be_unavailable(self, kick: Kick) -> None:
        kick.driver.fault(key__unavailable=True)
        assert kick.call("GET", "/v1/public-key").status_code == 503


def test_viewer_channel_can_be_subscribed(kick: Kick) -> None:
    kick.subscribe(CHAT, channel=MIA)
    kick.driver.chat("leo", "hello", channel="mia")
    assert kick.receiver.wait_for(1)[0].body["broadcaster"]["user_id"] == MIA
