"""Channel-point rewards and redemptions."""

from typing import Any

import pytest
import requests

from sandbox.kick.ids import ulid
from tests.sandbox.kick_harness import MIA, Kick
from tests.sandbox.test_kick_api import bad, refused

PATH = "/v1/channels/rewards"
GOOD = {"title": "Song request", "cost": 100}


@pytest.fixture
def nora(kick: Kick) -> str:
    """The streamer's token."""
    return kick.user_token("nora")


def create(kick: Kick, token: str, **body: Any) -> requests.Response:
    return kick.call("POST", PATH, token, json=GOOD | body)


def redemptions(kick: Kick, token: str, **params: Any) -> dict[str, Any]:
    return dict(kick.call("GET", f"{PATH}/redemptions", token, params=params).json())


def decide(kick: Kick, token: str, verb: str, *ids: str) -> Any:
    return kick.call("POST", f"{PATH}/redemptions/{verb}", token, json={"ids": ids}).json()["data"]


class TestRewards:
    def test_rewards_are_created_and_listed(self, kick: Kick, nora: str) -> None:
        made = create(kick, nora).json()["data"]
        assert made | {"id": ""} == {
            "id": "",
            "title": "Song request",
            "description": "",
            "cost": 100,
            "background_color": "#00e701",
            "is_enabled": True,
            "is_paused": False,
            "is_user_input_required": False,
            "should_redemptions_skip_request_queue": False,
        }
        assert kick.call("GET", PATH, nora).json()["data"] == [made]
        assert kick.call("GET", PATH, kick.user_token("vera")).json()["data"] == []

    @pytest.mark.parametrize(
        "body",
        [
            {"title": None},
            {"title": ""},
            {"title": "x" * 51},
            {"cost": None},
            {"cost": 0},
            {"cost": True},
            {"description": "x" * 201},
            {"background_color": "green"},
            {"is_enabled": "yes"},
        ],
    )
    def test_invalid_rewards_are_rejected(
        self, kick: Kick, nora: str, body: dict[str, Any]
    ) -> None:
        bad(create(kick, nora, **body))

    def test_at_most_fifteen_rewards_exist(self, kick: Kick, nora: str) -> None:
        for _ in range(15):
            assert create(kick, nora, is_enabled=False).ok
        bad(create(kick, nora))

    def test_rewards_are_changed_and_deleted(self, kick: Kick, nora: str) -> None:
        reward_id = create(kick, nora).json()["data"]["id"]
        path = f"{PATH}/{reward_id}"
        changed = kick.call("PATCH", path, nora, json={"is_paused": True, "cost": 5}).json()["data"]
        assert (changed["is_paused"], changed["cost"], changed["title"]) == (
            True,
            5,
            "Song request",
        )
        assert kick.call("DELETE", path, nora).status_code == 204
        assert kick.call("GET", PATH, nora).json()["data"] == []
        refused(kick.call("DELETE", path, nora), 404)

    def test_rewards_of_the_streamer_cannot_be_changed(self, kick: Kick, nora: str) -> None:
        kick.driver.redeem("mia", "Hydrate")
        (reward,) = kick.driver.state()["channels"][0]["rewards"]
        refused(kick.call("PATCH", f"{PATH}/{reward['id']}", nora, json={"cost": 1}), 403)
        refused(kick.call("DELETE", f"{PATH}/{reward['id']}", nora), 403)


class TestRedemptions:
    def test_redemptions_are_grouped_by_reward(self, kick: Kick, nora: str) -> None:
        reward_id = create(kick, nora).json()["data"]["id"]
        used = [kick.driver.redeem("mia", reward_id, input=text) for text in ("a", "b")]
        body = redemptions(kick, nora)
        assert body["pagination"] == {"next_cursor": ""}
        (group,) = body["data"]
        assert group["reward"] == {
            "id": reward_id,
            "title": "Song request",
            "cost": 100,
            "description": "",
            "can_manage": True,
            "is_deleted": False,
        }
        assert [each["id"] for each in group["redemptions"]] == used
        first = group["redemptions"][0]
        assert (first["status"], first["user_input"]) == ("pending", "a")
        assert first["redeemer"] == {"user_id": MIA}

    def test_unmanaged_rewards_have_few_fields(self, kick: Kick, nora: str) -> None:
        kick.driver.redeem("mia", "Hydrate")
        (group,) = redemptions(kick, nora)["data"]
        assert group["reward"].keys() == {"id", "can_manage"}
        assert group["reward"]["can_manage"] is False

    def test_redemptions_are_filtered(self, kick: Kick, nora: str) -> None:
        reward_id = create(kick, nora).json()["data"]["id"]
        first, second = (kick.driver.redeem("mia", reward_id) for _ in range(2))
        decide(kick, nora, "accept", first)

        def ids(**params: Any) -> list[str]:
            groups = redemptions(kick, nora, **params)["data"]
            return [each["id"] for group in groups for each in group["redemptions"]]

        assert ids(status="accepted") == [first]
        assert ids(status="pending") == [second]
        assert ids(id=[first, second]) == [first, second]
        assert ids(reward_id=ulid()) == []
        bad(kick.call("GET", f"{PATH}/redemptions", nora, params={"status": "lost"}))

    def test_redemptions_are_paginated(self, kick: Kick, nora: str) -> None:
        reward_id = create(kick, nora).json()["data"]["id"]
        for _ in range(26):
            kick.driver.redeem("mia", reward_id)
        first = redemptions(kick, nora)
        second = redemptions(kick, nora, cursor=first["pagination"]["next_cursor"])
        sizes = [len(page["data"][0]["redemptions"]) for page in (first, second)]
        assert sizes == [25, 1]

    @pytest.mark.parametrize(("verb", "status"), [("accept", "accepted"), ("reject", "rejected")])
    def test_decision_is_sent_by_webhook(
        self, kick: Kick, nora: str, verb: str, status: str
    ) -> None:
        reward_id = create(kick, nora).json()["data"]["id"]
        kick.subscribe("channel.reward.redemption.updated")
        used = kick.driver.redeem("mia", reward_id)
        assert decide(kick, nora, verb, used) == []
        bodies = [each.body for each in kick.receiver.wait_for(2)]
        assert [(body["id"], body["status"]) for body in bodies] == [
            (used, "pending"),
            (used, status),
        ]

    def test_response_lists_only_failures(self, kick: Kick, nora: str) -> None:
        reward_id = create(kick, nora).json()["data"]["id"]
        good, done = (kick.driver.redeem("mia", reward_id) for _ in range(2))
        decide(kick, nora, "accept", done)
        foreign, missing = kick.driver.redeem("mia", "Hydrate"), ulid()
        failures = decide(kick, nora, "accept", good, done, foreign, missing, "nonsense")
        assert failures == [
            {"id": done, "reason": "NOT_PENDING"},
            {"id": foreign, "reason": "NOT_OWNED"},
            {"id": missing, "reason": "NOT_FOUND"},
            {"id": "nonsense", "reason": "UNKNOWN"},
        ]

    def test_1_to_25_ids_are_required(self, kick: Kick, nora: str) -> None:
        for ids in ([], [ulid()] * 26, [5]):
            path = f"{PATH}/redemptions/accept"
            bad(kick.call("POST", path, nora, json={"ids": ids}))

    def test_reward_skipping_the_queue_is_accepted_immediately(self, kick: Kick, nora: str) -> None:
        made = create(kick, nora, should_redemptions_skip_request_queue=True).json()["data"]
        used = kick.driver.redeem("mia", made["id"])
        assert decide(kick, nora, "reject", used) == [{"id": used, "reason": "NOT_PENDING"}]
