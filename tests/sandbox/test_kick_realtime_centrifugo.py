"""The Centrifugo server, with ``centrifuge-python`` and by hand."""

import asyncio
import json
import uuid

import aiohttp
import pytest
from centrifuge import ClientState

from sandbox.kick.realtime import centrifugo
from tests.patience import PATIENCE, until_async
from tests.sandbox.kick_harness import Kick
from tests.sandbox.kick_realtime_rig import (
    APP,
    NORA_CHANNEL,
    NORA_CHAT,
    centrifuge,
    connected,
    guest_token,
    websocket_url,
    wire,
)

Command = dict[str, object]


class TestClient:
    async def test_client_receives_only_its_channel(self, kick: Kick) -> None:
        async with centrifuge(kick, NORA_CHAT) as (_, ear):
            await until_async(lambda: ear.count("subscribed"))
            kick.driver.chat("mia", "elsewhere", channel="vera")
            message_id = kick.driver.chat("mia", "hällo")
            await until_async(lambda: ear.heard)
        ((event, data),) = ear.heard
        assert (event, data["content"]) == (f"{APP}ChatMessageEvent", "hällo")
        assert data["id"] == message_id

    async def test_data_can_be_an_object(self, kick: Kick) -> None:
        kick.driver.fault(feed__data_object=True)
        async with centrifuge(kick, NORA_CHAT) as (_, ear):
            await until_async(lambda: ear.count("subscribed"))
            kick.driver.chat("mia", "hi")
            await until_async(lambda: ear.heard)
        assert ear.heard[0][1]["content"] == "hi"

    async def test_private_channel_is_denied(self, kick: Kick) -> None:
        async with centrifuge(kick, "private-channel.2100001") as (client, ear):
            await until_async(lambda: ear.count("unsubscribed"))
            assert client.state is ClientState.CONNECTED
        assert ("unsubscribed", 103) in ear.log

    async def test_pings_are_answered(self, kick: Kick, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each comes after the answer to the one before."""
        sent: list[object] = []
        send = centrifugo.Connection._send

        def noting(connection: centrifugo.Connection, reply: dict[str, object]) -> None:
            sent.append(reply)
            send(connection, reply)

        monkeypatch.setattr(centrifugo.Connection, "_send", noting)
        kick.driver.fault(feed__ping_s=0.03, feed__pong_s=PATIENCE)
        async with centrifuge(kick) as (_, ear):
            await until_async(lambda: sent.count({}) >= 4)
        assert [name for name, _ in ear.log] == ["connecting", "connected", "disconnected"]

    async def test_token_is_refreshed_for_the_same_client(self, kick: Kick) -> None:
        kick.driver.fault(feed__token_s=1, feed__expired_close_s=1.5)
        client_id, asked = str(uuid.uuid4()), []

        async def get_token() -> str:
            asked.append(client_id)
            return guest_token(kick, client_id)

        async with centrifuge(kick, get_token=get_token) as (client, ear):
            await until_async(lambda: len(asked) == 4)  # the first would have ended before
            assert client.state is ClientState.CONNECTED
        assert ear.count("connected") == 1

    async def test_client_gives_up_without_a_fresh_token(self, kick: Kick) -> None:
        """First the close with 3005, then error 109 for the old token: the client gives up."""
        kick.driver.fault(feed__token_s=2, feed__expired_close_s=0)
        async with centrifuge(kick) as (client, ear):
            await until_async(lambda: client.state is ClientState.DISCONNECTED)
        assert [code for name, code in ear.log if name in ("connecting", "disconnected")] == [
            0,
            3005,
            1,
        ]

    async def test_forged_token_is_terminal(self, kick: Kick) -> None:
        header, _, signature = guest_token(kick).split(".")
        async with centrifuge(kick, token=f"{header}.e30.{signature}") as (client, ear):
            await until_async(lambda: client.state is ClientState.DISCONNECTED)
        assert ear.log[-1] == ("disconnected", 3500)

    async def test_killed_client_reconnects_and_receives(self, kick: Kick) -> None:
        async with centrifuge(kick, NORA_CHAT) as (_, ear):
            await until_async(lambda: ear.count("subscribed"))
            assert kick.driver.feed_kill("pusher") == 0
            assert kick.driver.feed_kill() == 1
            await until_async(lambda: ear.count("subscribed") == 2)
            kick.driver.chat("mia", "again")
            await until_async(lambda: ear.heard)
        assert ear.heard[0][1]["content"] == "again"
        await until_async(lambda: not kick.driver.feed_listeners())

    @pytest.mark.parametrize(("code", "returns"), [(3011, True), (3999, False), (4500, False)])
    async def test_close_codes_decide_about_reconnecting(
        self, kick: Kick, code: int, returns: bool
    ) -> None:
        async with centrifuge(kick) as (client, ear):
            await until_async(lambda: ear.count("connected"))
            kick.driver.feed_close(code)
            await until_async(lambda: code in [number for _, number in ear.log])
            if returns:
                await until_async(lambda: ear.count("connected") == 2)
            assert (client.state is ClientState.CONNECTED) is returns

    async def test_lost_subscription_is_restored(self, kick: Kick) -> None:
        async with centrifuge(kick, NORA_CHAT) as (_, ear):
            await until_async(lambda: ear.count("subscribed"))
            kick.driver.feed_unsubscribe(NORA_CHAT, 2500)
            await until_async(lambda: ear.count("subscribed") == 2)
        assert ("subscribing", 2500) in ear.log

    async def test_frozen_server_loses_messages_without_disconnecting(self, kick: Kick) -> None:
        async with centrifuge(kick, NORA_CHAT) as (client, ear):
            await until_async(lambda: ear.count("subscribed"))
            kick.driver.fault(feed__silent=True)
            kick.driver.chat("mia", "lost")
            await asyncio.sleep(0.2)
            assert client.state is ClientState.CONNECTED
            kick.driver.fault(feed__silent=False)
            kick.driver.chat("mia", "heard")
            await until_async(lambda: ear.heard)
        assert [data["content"] for _, data in ear.heard] == ["heard"]


class TestProtocol:
    async def test_commands_of_one_frame_are_answered_in_one_frame(self, kick: Kick) -> None:
        async with wire(websocket_url(kick)) as line:
            reply = await connected(line, kick, NORA_CHAT, NORA_CHANNEL)
            listener = kick.driver.wait_for_listener(NORA_CHAT, NORA_CHANNEL)
        assert listener["id"] == reply["client"]
        assert listener["transport"] == "centrifugo"
        version = reply.pop("version")
        assert version.startswith("6.9.")
        assert reply == {
            "client": listener["id"], "expires": True, "ttl": reply["ttl"], "ping": 25,
            "pong": True,
        }  # fmt: skip
        assert 2690 < reply["ttl"] <= 2700

    async def test_push_matches_the_recorded_format(self, kick: Kick) -> None:
        async with wire(websocket_url(kick)) as line:
            await connected(line, kick, NORA_CHAT)
            kick.driver.feed_publish(NORA_CHAT, "Odd", {"a": [1, None]})
            publication = {"data": {"event": "Odd", "data": json.dumps({"a": [1, None]})}}
            assert await line.next() == {"push": {"channel": NORA_CHAT, "pub": publication}}

    async def test_subscribe_and_unsubscribe_work(self, kick: Kick) -> None:
        async with wire(websocket_url(kick)) as line:
            await connected(line, kick, NORA_CHAT)
            await line.send({"id": 5, "subscribe": {"channel": NORA_CHAT, "flag": 1}})
            assert (await line.next())["error"] == {"code": 105, "message": "already subscribed"}
            await line.send({"id": 6, "unsubscribe": {"channel": NORA_CHAT}})
            assert await line.next() == {"id": 6, "unsubscribe": {}}
            kick.driver.chat("mia", "unheard")
            await line.send({"id": 7, "history": {"channel": NORA_CHAT}})
            assert (await line.next())["error"]["code"] == 108

    async def test_at_most_128_channels_can_be_subscribed(self, kick: Kick) -> None:
        feeds = [f"channel.{number}" for number in range(128)]
        async with wire(websocket_url(kick)) as line:
            await connected(line, kick, *feeds)
            await line.send({"id": 200, "subscribe": {"channel": "channel.128"}})
            assert (await line.next())["error"]["code"] == 106

    @pytest.mark.parametrize(
        "text",
        [
            "no json",
            "[]",
            '{"id":1,"connect":{}}',
            '{"id":1,"connect":[]}',
            '{"id":1,"subscribe":{"channel":"channel.1"}}',
            '{"connect":{"token":"x"}}',
            '{"id":1,"connect":{"token":7}}',
        ],
    )
    async def test_malformed_frame_closes_the_connection(self, kick: Kick, text: str) -> None:
        async with wire(websocket_url(kick)) as line:
            await line.send_text(text)
            assert await line.closed() == 3501

    @pytest.mark.parametrize("command", [{"connect": {"token": "x"}}, {"dance": {}}])
    async def test_malformed_command_after_connect_closes_the_connection(
        self, kick: Kick, command: Command
    ) -> None:
        async with wire(websocket_url(kick)) as line:
            await connected(line, kick)
            await line.send({"id": 2, **command})
            assert await line.closed() == 3501

    async def test_missing_pong_closes_the_connection(self, kick: Kick) -> None:
        kick.driver.fault(feed__ping_s=0.02, feed__pong_s=0.02)
        async with wire(websocket_url(kick)) as line:
            await connected(line, kick)
            assert await line.next() == {}
            assert await line.closed() == 3012

    async def test_token_of_another_client_cannot_refresh(self, kick: Kick) -> None:
        async with wire(websocket_url(kick)) as line:
            await connected(line, kick)
            await line.send({"id": 9, "refresh": {"token": guest_token(kick)}})
            assert await line.closed() == 3500

    async def test_expired_token_cannot_refresh(self, kick: Kick) -> None:
        client_id = str(uuid.uuid4())
        kick.driver.fault(feed__token_s=-1)
        expired = guest_token(kick, client_id)
        kick.driver.fault(feed__token_s=60)
        async with wire(websocket_url(kick)) as line:
            await line.send({"id": 1, "connect": {"token": guest_token(kick, client_id)}})
            await line.next()
            await line.send({"id": 2, "refresh": {"token": expired}})
            assert await line.closed() == 3005

    async def test_client_that_never_connects_is_closed(
        self, kick: Kick, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(centrifugo, "CONNECT_SECONDS", 0.02)
        async with wire(websocket_url(kick)) as line:
            assert await line.closed() == 3502

    async def test_frozen_server_sends_no_ping(self, kick: Kick) -> None:
        kick.driver.fault(feed__ping_s=0.1)
        async with wire(websocket_url(kick)) as line:
            await connected(line, kick)
            kick.driver.fault(feed__silent=True)
            while not await line.silent(0.05):
                pass  # pings from before
            assert await line.silent(0.3)

    async def test_frozen_server_answers_nothing(self, kick: Kick) -> None:
        async with wire(websocket_url(kick)) as line:
            await connected(line, kick, NORA_CHAT)
            kick.driver.fault(feed__silent=True)
            await line.send({"id": 3, "subscribe": {"channel": NORA_CHANNEL}})
            kick.driver.chat("mia", "lost")
            assert await line.silent()
            assert kick.driver.feed_events()[-1]["fate"] == "silent"

    @pytest.mark.parametrize("provider", ["pusher", "none"])
    async def test_missing_provider_is_404(self, kick: Kick, provider: str) -> None:
        url = websocket_url(kick)
        kick.driver.fault(feed__provider=provider)
        with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
            async with wire(url):
                pass

    async def test_extension_origins_are_rejected(self, kick: Kick) -> None:
        async with wire(websocket_url(kick), Origin="https://kick.com"):
            pass
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            async with wire(websocket_url(kick), Origin="chrome-extension://x"):
                pass
