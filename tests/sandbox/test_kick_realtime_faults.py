"""The feed's faults, including those that make it differ from the webhooks."""

import asyncio
import json
import time

import pytest
import websocket

from sandbox.driver import DriverError
from sandbox.kick.driver import KickDriver
from sandbox.kick.realtime import sockets
from sandbox.serve import on_thread
from tests.patience import PATIENCE, until_async
from tests.sandbox.kick_harness import KEY, Kick, Receiver
from tests.sandbox.kick_realtime_rig import (
    APP,
    NORA_CHANNEL,
    NORA_CHAT,
    centrifuge,
    guest_token,
    pupil,
    websocket_url,
)


def fates(kick: Kick, **filters: str) -> list[str]:
    return [each["fate"] for each in kick.driver.feed_events(**filters)]


def test_drop_applies_to_the_next_events(kick: Kick) -> None:
    kick.driver.fault(feed__drop=2)
    kick.driver.subscribe("mia")
    assert fates(kick) == ["dropped", "dropped", "sent", "sent", "sent"]


def test_drop_can_be_limited_to_one_event(kick: Kick) -> None:
    kick.driver.fault(feed__drop=1, feed__drop_only="KicksGifted")
    kick.driver.chat("mia", "hi")
    for _ in range(2):
        kick.driver.kicks("mia", 5)
    assert fates(kick, name=f"{APP}ChatMessageEvent") == ["sent"]
    assert fates(kick, name="KicksGifted") == ["dropped", "sent"]
    assert fates(kick, name="KicksLeaderboardUpdated") == ["sent", "sent"]


def test_webhook_and_feed_can_be_dropped_independently(kick: Kick) -> None:
    """Drops of one type leave the others alone, so that either way can be silent."""
    kick.subscribe("kicks.gifted", "chat.message.sent")
    kick.driver.fault(webhook__drop=1, webhook__drop_only="kicks")
    kick.driver.chat("mia", "hi")
    kick.driver.kicks("mia", 5)
    kick.driver.fault(feed__drop=9, feed__drop_only="Kicks")
    kick.driver.kicks("mia", 7)
    kick.receiver.wait_for(2)
    assert kick.receiver.types() == ["chat.message.sent", "kicks.gifted"]
    heard = [e["data"]["gift"]["amount"] for e in kick.driver.feed_events(name="KicksGifted")
             if e["fate"] == "sent"]  # fmt: skip
    assert heard == [5]


def test_event_can_be_duplicated(kick: Kick) -> None:
    kick.driver.fault(feed__duplicate=1)
    kick.driver.chat("mia", "hi")
    first, second = kick.driver.feed_events()
    assert first["data"] == second["data"]


async def test_delays_keep_the_order(kick: Kick) -> None:
    async with centrifuge(kick, NORA_CHAT) as (_, ear):
        await until_async(lambda: ear.count("subscribed"))
        kick.driver.fault(feed__delay_ms=200)
        began = time.monotonic()
        kick.driver.chat("mia", "one")
        kick.driver.fault(feed__delay_ms=0)
        kick.driver.chat("mia", "two")
        await until_async(lambda: len(ear.heard) == 2)
    assert time.monotonic() - began >= 0.2
    assert [data["content"] for _, data in ear.heard] == ["one", "two"]


async def test_both_transports_can_run_at_once(kick: Kick) -> None:
    """The period in which Kick ran both: clients receive events over either."""
    kick.driver.fault(feed__provider="both")
    with pupil(kick, NORA_CHAT, f"{APP}SubscriptionEvent") as old:
        await asyncio.to_thread(kick.driver.wait_for_listener, NORA_CHAT)
        async with centrifuge(kick, NORA_CHAT, NORA_CHANNEL) as (_, new):
            await until_async(lambda: new.count("subscribed") == 2)
            kick.driver.subscribe("mia")
            await until_async(lambda: old.heard and len(new.heard) == 4)
    assert old.heard[0] == new.heard[0]
    heard = {each["name"]: each["heard"] for each in kick.driver.feed_events()}
    assert heard[f"{APP}SubscriptionEvent"] == 2
    assert heard[f"{APP}ChannelSubscriptionEvent"] == 1
    assert heard[f"{APP}ChatMessageSentEvent"] == 0


@pytest.mark.parametrize("silent", [False, True])
def test_shutdown_does_not_wait_for_listeners(
    silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "CLOSE_SECONDS", 2 * PATIENCE)
    with on_thread(signing_key=KEY) as sandbox:
        kick = Kick(sandbox, KickDriver(sandbox.base_url), Receiver())
        line = websocket.create_connection(websocket_url(kick), PATIENCE, suppress_origin=True)
        line.send(json.dumps({"id": 1, "connect": {"token": guest_token(kick)}}))
        assert "connect" in json.loads(line.recv())
        kick.driver.fault(feed__silent=silent)
        kick.driver.close()
        began = time.monotonic()
    assert time.monotonic() - began < PATIENCE
    line.shutdown()


def test_state_shows_listeners_and_event_fates(kick: Kick) -> None:
    kick.driver.fault(feed__drop=1)
    kick.driver.kicks("mia", 5)
    feed = kick.driver.state()["feed"]
    assert feed == {"provider": "centrifugo", "listeners": [], "fates": {"dropped": 1, "sent": 1}}


def test_wait_for_listener_times_out(kick: Kick) -> None:
    with pytest.raises(TimeoutError, match="nobody listens"):
        kick.driver.wait_for_listener(NORA_CHAT, timeout=0.05)


def test_close_code_must_be_a_server_code(kick: Kick) -> None:
    with pytest.raises(DriverError, match="3000 to 4999"):
        kick.driver.feed_close(1000)
