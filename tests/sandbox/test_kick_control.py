"""/control/kick and its driver: what people do, and how a wrong request is refused."""

import threading

import pytest
import requests

from sandbox.driver import DriverError
from tests.patience import PATIENCE
from tests.sandbox.kick_harness import Kick


class TestRefusals:
    def status(self, kick: Kick, route: str, **body: object) -> int:
        url = f"{kick.sandbox.base_url}/control/kick/{route}"
        answer = requests.post(url, json=body, timeout=PATIENCE)
        if not answer.ok:
            assert answer.json().keys() == {"error"}
        return answer.status_code

    def test_nobody_of_that_name(self, kick: Kick) -> None:
        assert self.status(kick, "chat", person="bob", text="x") == 404
        assert self.status(kick, "chat", person="mia", text="x", channel="bob") == 404
        assert self.status(kick, "chat", person="mia", text="x", reply_to="none") == 404
        assert self.status(kick, "delete_message", message_id="none") == 404
        assert self.status(kick, "decide", redemption_id="none", status="accepted") == 404
        assert self.status(kick, "metadata", category_id=1) == 404

    def test_what_does_not_fit(self, kick: Kick) -> None:
        assert self.status(kick, "chat", person="mia") == 400
        assert self.status(kick, "chat", person="mia", text="x", at="yesterday") == 400
        assert self.status(kick, "chat", person="mia", text="x", at="2026-11-21T10:00:00") == 400
        assert self.status(kick, "renew", person="mia", months="3") == 400
        assert self.status(kick, "gift", person="mia", giftees=[]) == 400
        assert self.status(kick, "gift", person="mia", giftees="leo") == 400
        assert self.status(kick, "tokens", action="nothing") == 400
        assert self.status(kick, "badges", person="mia", badges="vip") == 400
        assert self.status(kick, "decide", redemption_id="none", status="maybe") == 400

    def test_what_cannot_be(self, kick: Kick) -> None:
        assert self.status(kick, "offline") == 409
        assert self.status(kick, "viewers", count=5) == 409
        assert self.status(kick, "live") == 200
        assert self.status(kick, "live") == 409
        assert self.status(kick, "account", handle="mia", name="Mia") == 409
        assert self.status(kick, "ban", person="mia") == 200
        assert self.status(kick, "chat", person="mia", text="x") == 403

    def test_no_json(self, kick: Kick) -> None:
        url = f"{kick.sandbox.base_url}/control/kick/chat"
        assert requests.post(url, data="{", timeout=PATIENCE).status_code == 400
        assert requests.post(url, data="[]", timeout=PATIENCE).status_code == 400
        assert requests.get(
            f"{kick.sandbox.base_url}/control/kick/none", timeout=PATIENCE
        ).json() == {"error": "Not Found"}

    def test_the_driver_says_why(self, kick: Kick) -> None:
        with pytest.raises(DriverError, match="nobody has the handle bob") as refusal:
            kick.driver.chat("bob", "x")
        assert refusal.value.status == 404


class TestPeople:
    def test_a_further_viewer_can_chat(self, kick: Kick) -> None:
        user_id = kick.driver.account("zoe", "Zoe_1")
        kick.driver.chat("zoe", "hello")
        assert kick.driver.transcript()[0]["sender"] == "Zoe_1"
        assert kick.driver.account("zed", "Zed") == user_id + 1

    def test_ids_are_the_same_after_a_restart(self, kick: Kick) -> None:
        from sandbox.serve import on_thread

        with on_thread() as other:
            state = requests.get(f"{other.base_url}/control/state", timeout=PATIENCE).json()
        assert state["kick"]["accounts"] == kick.driver.state()["accounts"]
        assert state["kick"]["app"]["client_id"] == kick.env["KICK_CLIENT_ID"]

    def test_the_state_shows_the_streamers(self, kick: Kick) -> None:
        kick.driver.live(title="Slots!")
        nora, vera = kick.driver.state()["channels"]
        assert (nora["slug"], nora["is_live"], nora["title"]) == ("noraplays", True, "Slots!")
        assert (vera["slug"], vera["is_live"]) == ("veraspins", False)
        assert isinstance(nora["broadcaster_user_id"], str)


class TestWaiting:
    def test_for_a_line(self, kick: Kick) -> None:
        later = threading.Timer(0.1, kick.driver.chat, ("mia", "here I am"))
        later.start()
        assert kick.driver.wait_for_line("here")["sender"] == "MadCats"
        later.join()

    def test_in_vain(self, kick: Kick) -> None:
        kick.driver.chat("mia", "something else")
        with pytest.raises(TimeoutError, match="something else"):
            kick.driver.wait_for_line("never", timeout=0.1)

    def test_until_deliveries_are_done(self, kick: Kick) -> None:
        kick.subscribe("chat.message.sent")
        answers = threading.Event()
        kick.receiver.think = lambda _raw: answers.wait(PATIENCE)
        kick.driver.chat("mia", "hello")
        with pytest.raises(TimeoutError):
            kick.driver.settle(timeout=0.01)
        answers.set()
        kick.driver.settle()
        assert len(kick.receiver.received) == 1
