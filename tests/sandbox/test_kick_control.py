"""/control/kick and its driver: what people do, and how a wrong request is refused."""

import threading

import pytest
import requests

from sandbox.driver import DriverError
from tests.patience import PATIENCE
from tests.sandbox.kick_harness import Kick


class TestErrors:
    def status(self, kick: Kick, route: str, **body: object) -> int:
        url = f"{kick.sandbox.base_url}/control/kick/{route}"
        answer = requests.post(url, json=body, timeout=PATIENCE)
        if not answer.ok:
            assert answer.json().keys() == {"error"}
        return answer.status_code

    def test_unknown_names_are_404(self, kick: Kick) -> None:
        assert self.status(kick, "chat", person="bob", text="x") == 404
        assert self.status(kick, "chat", person="mia", text="x", channel="bob") == 404
        assert self.status(kick, "chat", person="mia", text="x", reply_to="none") == 404
        assert self.status(kick, "delete_message", message_id="none") == 404
        assert self.status(kick, "decide", redemption_id="none", status="accepted") == 404
        assert self.status(kick, "metadata", category_id=1) == 404

    def test_malformed_values_are_400(self, kick: Kick) -> None:
        assert self.status(kick, "chat", person="mia") == 400
        assert self.status(kick, "chat", person="mia", text="x", at="yesterday") == 400
        assert self.status(kick, "chat", person="mia", text="x", at="2026-11-21T10:00:00") == 400
        assert self.status(kick, "renew", person="mia", months="3") == 400
        assert self.status(kick, "gift", person="mia", giftees=[]) == 400
        assert self.status(kick, "gift", person="mia", giftees="leo") == 400
        assert self.status(kick, "tokens", action="nothing") == 400
        assert self.status(kick, "badges", person="mia", badges="vip") == 400
        assert self.status(kick, "decide", redemption_id="none", status="maybe") == 400

    def test_impossible_actions_are_409(self, kick: Kick) -> None:
        assert self.status(kick, "offline") == 409
        assert self.status(kick, "viewers", count=5) == 409
        assert self.status(kick, "live") == 200
        assert self.status(kick, "live") == 409
        assert self.status(kick, "account", handle="mia", name="Mia") == 409
        assert self.status(kick, "ban", person="mia") == 200
        assert self.status(kick, "chat", person="mia", text="x") == 403

    def test_malformed_json_is_400(self, kick: Kick) -> None:
        url = f"{kick.sandbox.base_url}/control/kick/chat"
        assert requests.post(url, data="{", timeout=PATIENCE).status_code == 400
        assert requests.post(url, data="[]", timeout=PATIENCE).status_code == 400
        assert requests.get(
            f"{kick.sandbox.base_url}/control/kick/none", timeout=PATIENCE
        ).json() == {"error": "Not Found"}

    def test_driver_raises_the_reason(self, kick: Kick) -> None:
        with pytest.raises(DriverError, match="nobody has the handle bob") as refusal:
            kick.driver.chat("bob", "x")
        assert refusal.value.status == 404


class TestPeople:
    def test_additional_viewer_can_chat(self, kick: Kick) -> None:
        user_id = kick.driver.account("zoe", "Zoe_1")
        kick.driver.chat("zoe", "hello")
        assert kick.driver.transcript()[0]["sender"] == "Zoe_1"
        assert kick.driver.account("zed", "Zed") == user_id + 1

    def test_ids_are_stable_across_restarts(self, kick: Kick) -> None:
        from sandbox.serve import on_thread

        with on_thread() as other:
            state = requests.get(f"{other.base_url}/control/state", timeout=PATIENCE).json()
        assert state["kick"]["accounts"] == kick.driver.state()["accounts"]
        assert state["kick"]["app"]["client_id"] == kick.env["KICK_CLIENT_ID"]

    def test_state_lists_the_streamers(self, kick: Kick) -> None:
        kick.driver.live(title="Slots!")
        nora, vera = kick.driver.state()["channels"]
        assert (nora["slug"], nora["is_live"], nora["title"]) == ("noraplays", True, "Slots!")
        assert (vera["slug"], vera["is_live"]) == ("veraspins", False)
        assert isinstance(nora["broadcaster_user_id"], str)


class TestWaitFunctions:
    def test_wait_for_line_returns_a_matching_message(self, kick: Kick) -> None:
        later = threading.Timer(0.1, kick.driver.chat, ("mia", "here I am"))
        later.start()
        assert kick.driver.wait_for_line("here")["sender"] == "MadCats"
        later.join()

    def test_wait_for_line_times_out_with_the_transcript(self, kick: Kick) -> None:
        kick.driver.chat("mia", "something else")
        with pytest.raises(TimeoutError, match="something else"):
            kick.driver.wait_for_line("never", timeout=0.1)

    def test_settle_waits_for_deliveries(self, kick: Kick) -> None:
        kick.subscribe("chat.message.sent")
        answers = threading.Event()
        kick.receiver.think = lambda _raw: answers.wait(PATIENCE)
        kick.driver.chat("mia", "hello")
        with pytest.raises(TimeoutError):
            kick.driver.settle(timeout=0.01)
        answers.set()
        kick.driver.settle()
        assert len(kick.receiver.received) == 1
