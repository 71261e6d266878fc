"""The Pusher server, with ``pysher`` and by hand."""

import asyncio
import json

import pytest

from sandbox.kick.realtime import pusher as pusher_server
from tests.patience import until_async
from tests.sandbox.kick_harness import Kick
from tests.sandbox.kick_realtime_rig import APP, NORA_CHAT, NORA_CHATROOM, pupil, wire

CHAT = f"{APP}ChatMessageEvent"


@pytest.fixture(autouse=True)
def pusher(kick: Kick) -> None:
    """The time before October 2026."""
    kick.driver.fault(feed__provider="pusher")


def url(kick: Kick, *, path: str = "/kick/pusher", key: str = "", protocol: str = "7") -> str:
    key = key or kick.env["KICK_PUSHER_KEY"]
    host = kick.env["KICK_PUSHER_HOST"]
    return f"ws://{host}{path}/app/{key}?protocol={protocol}&client=js&version=8.4.0&flash=false"


class TestClient:
    async def test_client_receives_its_channel(self, kick: Kick) -> None:
        with pupil(kick, NORA_CHAT, CHAT) as client:
            await asyncio.to_thread(kick.driver.wait_for_listener, NORA_CHAT)
            kick.driver.chat("mia", "hällo")
            await until_async(lambda: client.heard)
            assert client.state == "connected"
            assert kick.driver.feed_listeners()[0]["transport"] == "pusher"
        assert client.heard[0][1]["content"] == "hällo"
        await until_async(lambda: not kick.driver.feed_listeners())

    async def test_killed_client_reconnects_and_receives(self, kick: Kick) -> None:
        with pupil(kick, NORA_CHAT, CHAT) as client:
            first = await asyncio.to_thread(kick.driver.wait_for_listener, NORA_CHAT)
            assert kick.driver.feed_kill("pusher") == 1
            await until_async(lambda: first not in kick.driver.feed_listeners())
            await asyncio.to_thread(kick.driver.wait_for_listener, NORA_CHAT)
            kick.driver.chat("mia", "again")
            await until_async(lambda: client.heard)

    @pytest.mark.parametrize("code", [4100, 4200])
    async def test_closed_client_reconnects(self, kick: Kick, code: int) -> None:
        with pupil(kick, NORA_CHAT):
            first = await asyncio.to_thread(kick.driver.wait_for_listener, NORA_CHAT)
            kick.driver.feed_close(code, "over capacity")
            await until_async(lambda: first not in kick.driver.feed_listeners())
            second = await asyncio.to_thread(kick.driver.wait_for_listener, NORA_CHAT)
        assert second["id"] != first["id"]

    async def test_client_without_auto_subscribe_receives_nothing_after_reconnect(
        self, kick: Kick
    ) -> None:
        """The library's known fault, so that nobody relies on the opposite."""
        with pupil(kick, NORA_CHAT, auto_sub=False) as client:
            await asyncio.to_thread(kick.driver.wait_for_listener, NORA_CHAT)
            kick.driver.feed_kill()
            await until_async(
                lambda: [each["feeds"] for each in kick.driver.feed_listeners()] == [[]]
            )
            await until_async(lambda: client.state == "connected")
            assert [each["feeds"] for each in kick.driver.feed_listeners()] == [[]]

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    async def test_retired_key_ends_the_client(self, kick: Kick) -> None:
        kick.driver.fault(feed__wrong_key=True)
        with pupil(kick, NORA_CHAT) as client:
            await until_async(lambda: not client.pusher.connection.is_alive())
        assert not kick.driver.feed_listeners()


class TestProtocol:
    @pytest.mark.parametrize("path", ["/kick/pusher", ""])
    @pytest.mark.parametrize("protocol", ["6", "7"])
    async def test_connection_established_has_socket_id_and_timeout(
        self, kick: Kick, path: str, protocol: str
    ) -> None:
        async with wire(url(kick, path=path, protocol=protocol)) as line:
            hello = await line.next()
            (listener,) = kick.driver.feed_listeners()
        assert hello["event"] == "pusher:connection_established"
        data = json.loads(hello["data"])
        assert data == {"socket_id": listener["id"], "activity_timeout": 120}

    @pytest.mark.parametrize(
        ("key", "protocol", "code"), [("wrong", "7", 4001), ("", "3", 4007), ("", "", 4007)]
    )
    async def test_invalid_key_or_protocol_is_rejected(
        self, kick: Kick, key: str, protocol: str, code: int
    ) -> None:
        async with wire(url(kick, key=key, protocol=protocol)) as line:
            error = await line.next()
            assert (error["event"], error["data"]["code"]) == ("pusher:error", code)
            assert await line.closed() == code

    async def test_protocol_version_is_required(self, kick: Kick) -> None:
        async with wire(url(kick).partition("?")[0]) as line:
            assert await line.closed() == 4008

    @pytest.mark.parametrize("provider", ["centrifugo", "none"])
    async def test_missing_provider_closes_the_connection(self, kick: Kick, provider: str) -> None:
        kick.driver.fault(feed__provider=provider)
        async with wire(url(kick)) as line:
            assert await line.closed() == 4001

    async def test_subscribe_receive_and_unsubscribe_work(self, kick: Kick) -> None:
        subscribe = {"event": "pusher:subscribe", "data": {"auth": "", "channel": NORA_CHATROOM}}
        async with wire(url(kick)) as line:
            await line.next()
            await line.send(subscribe)
            assert await line.next() == {
                "event": "pusher_internal:subscription_succeeded",
                "data": "{}",
                "channel": NORA_CHATROOM,
            }
            kick.driver.feed_publish(NORA_CHATROOM, "Odd", {"a": None})
            frame = {"event": "Odd", "data": '{"a": null}', "channel": NORA_CHATROOM}
            assert await line.next() == frame
            await line.send(subscribe)
            assert (await line.next())["data"]["message"].startswith("Existing subscription")
            await line.send({"event": "pusher:unsubscribe", "data": {"channel": NORA_CHATROOM}})
            await line.send({"event": "pusher:ping", "data": ""})
            assert await line.next() == {"event": "pusher:pong", "data": "{}"}
            kick.driver.feed_publish(NORA_CHATROOM, "Odd", {})
            assert kick.driver.feed_events(name="Odd")[-1]["heard"] == 0

    async def test_private_channels_require_a_session(self, kick: Kick) -> None:
        data = {"auth": "", "channel": "private-channel.2100001"}
        async with wire(url(kick)) as line:
            await line.next()
            await line.send({"event": "pusher:subscribe", "data": data})
            assert (await line.next())["event"] == "pusher:subscription_error"

    async def test_silent_client_is_pinged_and_closed(
        self, kick: Kick, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pusher_server, "PONG_SECONDS", 0.05)
        kick.driver.fault(feed__activity_timeout_s=1)
        async with wire(url(kick)) as line:
            await line.next()
            assert await line.next() == {"event": "pusher:ping", "data": "{}"}
            assert await line.closed() == 4201

    @pytest.mark.parametrize("text", ["no json", "[]", '{"event":"dance"}'])
    async def test_malformed_frames_do_not_close_the_connection(
        self, kick: Kick, text: str
    ) -> None:
        async with wire(url(kick)) as line:
            await line.next()
            await line.send_text(text)
            assert (await line.next())["data"]["code"] is None
            await line.send({"event": "pusher:ping", "data": ""})
            assert (await line.next())["event"] == "pusher:pong"

    async def test_frozen_server_answers_no_ping(self, kick: Kick) -> None:
        async with wire(url(kick)) as line:
            await line.next()
            kick.driver.fault(feed__silent=True)
            await line.send({"event": "pusher:ping", "data": ""})
            await asyncio.sleep(0.1)
            kick.driver.fault(feed__silent=False)
            assert await line.silent()
