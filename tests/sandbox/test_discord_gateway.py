"""The gateway, as an unmodified discord.py experiences it."""

import asyncio
import math
import time
from collections.abc import AsyncIterator

import aiohttp
import discord
import pytest

from sandbox.discord import gateway, messages
from sandbox.discord.drafts import Draft
from sandbox.discord.errors import Json
from sandbox.discord.seed import VERAS_DEN_ID
from sandbox.discord.service import DiscordService
from sandbox.discord.session import REPLAYABLE_EVENTS, Op, Session
from tests.patience import PATIENCE, until_async
from tests.sandbox.discord_rig import GENERAL_ID, Rig, RigBot, open_rig, open_world


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as opened:
        yield opened


def say(rig: Rig, text: str) -> None:
    """mia writes in #general, without the detour over HTTP."""
    channel = rig.world.channel(GENERAL_ID)
    mia = next(u.id for u in rig.world.users.values() if u.handle == "mia")
    messages.post(rig.world, channel, mia, Draft(frozenset({"content"}), text))


async def test_ready_has_both_guilds_with_members_channels_and_roles(rig: Rig) -> None:
    assert {guild.name for guild in rig.bot.guilds} == {"Nora's Corner", "Vera's Den"}
    assert rig.guild.owner == rig.member("nora")
    assert [channel.name for channel in rig.guild.text_channels] == [
        "general",
        "slot-calls",
        "raffle",
        "bot-log",
        "mods",
    ]
    assert [role.name for role in rig.guild.roles] == [
        "@everyone",
        "Regular",
        "VIP Regular",
        "Regulars",
        "Moderator",
    ]
    assert rig.guild.self_role == rig.guild.me.top_role


async def test_members_are_sent_in_chunks_on_request() -> None:
    intents = discord.Intents.all()
    intents.presences = False
    async with open_rig(intents) as rig:
        assert rig.guild.chunked
        found = await rig.guild.query_members("mad")
        assert [member.name for member in found] == ["madcats"]
        by_id = await rig.guild.query_members(user_ids=[rig.member("leo").id])
        assert by_id == [rig.member("leo")]


async def test_wrong_token_is_rejected_by_rest_and_gateway() -> None:
    async with open_world() as world:
        bot = RigBot(discord.Intents.all())
        with pytest.raises(discord.LoginFailure):
            await bot.login("wrong")
        await bot.close()

        bot = RigBot(discord.Intents.all())
        await bot.login(world.token)
        bot.http.token = "wrong"
        with pytest.raises(discord.ConnectionClosed) as refused:
            await bot.connect()
        assert refused.value.code == 4004
        await bot.close()


async def test_refused_privileged_intents_close_with_4014() -> None:
    async with open_world() as world:
        world.faults.set("discord.gateway.refuse_intents", True)
        bot = RigBot(discord.Intents.all())
        with pytest.raises(discord.PrivilegedIntentsRequired):
            await bot.start(world.token)
        await bot.close()

        world.faults.set("discord.gateway.refuse_intents", True)
        modest = RigBot(discord.Intents(guilds=True))
        run = asyncio.create_task(modest.start(world.token))
        await until_async(modest.is_ready)
        await modest.close()
        await run


async def test_without_message_content_intent_only_mentions_and_dms_have_content() -> None:
    intents = discord.Intents.default()
    async with open_rig(intents) as rig:
        await rig.hands.message("mia", "general", "secret")
        await rig.hands.message("mia", "general", f"<@{rig.world.bot.id}> hello")
        await rig.hands.message("mia", "dm", "psst")
        await until_async(lambda: len(rig.bot.seen) == 3)
        assert rig.bot.seen == ["", f"<@{rig.world.bot.id}> hello", "psst"]


async def test_events_without_their_intent_are_not_sent() -> None:
    intents = discord.Intents(guilds=True, guild_messages=True, message_content=True)
    async with open_rig(intents) as rig:
        await rig.hands.message("mia", "dm", "psst")
        await rig.hands.message("mia", "general", "aloud")
        await until_async(lambda: rig.bot.seen)
        assert rig.bot.seen == ["aloud"]


async def test_bot_receives_no_events_of_hidden_channels(rig: Rig) -> None:
    await rig.hands.overwrite("general", "bot", deny=["VIEW_CHANNEL"])
    say(rig, "behind its back")
    await rig.hands.overwrite("general", "bot")
    say(rig, "to its face")
    await until_async(lambda: rig.bot.seen)
    assert rig.bot.seen == ["to its face"]


async def test_killed_socket_resumes_and_replays_missed_events(rig: Rig) -> None:
    say(rig, "before")
    await until_async(lambda: rig.bot.seen == ["before"])
    resumed = rig.event("resumed")
    rig.world.gateway.kill()
    say(rig, "meanwhile")
    await resumed
    await until_async(lambda: len(rig.bot.seen) == 2)
    say(rig, "after")
    await until_async(lambda: len(rig.bot.seen) == 3)
    assert rig.bot.seen == ["before", "meanwhile", "after"]


def test_session_replays_only_recent_events() -> None:
    session = Session(0)
    assert session.can_replay_after(0)
    for _ in range(REPLAYABLE_EVENTS + 1):
        session.dispatch("X", {})
    assert not session.can_replay_after(0)
    assert session.can_replay_after(1)
    assert session.can_replay_after(session.sequence)


async def test_reconnect_opcode_resumes(rig: Rig) -> None:
    resumed = rig.event("resumed")
    await rig.hands.gateway("reconnect")
    await resumed


async def test_invalid_session_identifies_again_and_loses_missed_events(rig: Rig) -> None:
    ready = rig.event("ready")
    rig.world.faults.set("discord.gateway.no_resume", True)
    rig.world.gateway.kill()
    say(rig, "lost for good")
    await ready
    say(rig, "heard")
    await until_async(lambda: rig.bot.seen)
    assert rig.bot.seen == ["heard"]


async def test_invalidate_drops_all_sessions(rig: Rig) -> None:
    old = set(rig.world.gateway.sessions)
    ready = rig.event("ready")
    await rig.hands.gateway("invalidate")
    await ready
    assert not old & set(rig.world.gateway.sessions)


async def test_stopped_gateway_rejects_connections_until_started(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("discord.backoff.ExponentialBackoff.delay", lambda self: 0.03)
    await rig.hands.gateway("stop")
    await until_async(lambda: not rig.world.gateway.connected)
    say(rig, "meanwhile")
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(rig.world.gateway_url)
    assert rig.bot.seen == []
    await rig.hands.gateway("start")
    await until_async(lambda: rig.bot.seen == ["meanwhile"])


async def test_stopped_fault_closes_open_sockets(rig: Rig) -> None:
    await rig.hands.fault(gateway_stopped=True)
    say(rig, "into the void")
    await until_async(lambda: not rig.world.gateway.connections)


async def test_dropped_message_is_never_delivered(rig: Rig) -> None:
    rig.world.faults.set("discord.gateway.drop_messages", 1)
    say(rig, "dropped")
    say(rig, "heard")
    await until_async(lambda: rig.bot.seen)
    assert rig.bot.seen == ["heard"]


async def test_delayed_and_frozen_events_arrive_in_order(rig: Rig) -> None:
    rig.world.faults.set("discord.gateway.delay_ms", 150)
    began = time.monotonic()
    say(rig, "late")
    rig.world.faults.set("discord.gateway.delay_ms", 0)
    say(rig, "later")
    await until_async(lambda: len(rig.bot.seen) == 2)
    assert time.monotonic() - began >= 0.15
    rig.world.faults.set("discord.gateway.frozen", True)
    say(rig, "frozen")
    await asyncio.sleep(0.1)
    assert len(rig.bot.seen) == 2
    rig.world.faults.set("discord.gateway.frozen", False)
    await until_async(lambda: len(rig.bot.seen) == 3)
    assert rig.bot.seen == ["late", "later", "frozen"]


async def _converse(world: DiscordService, *said: Json, close: int) -> int | None:
    """Say these payloads on a socket of one's own, then close; the server's close code."""
    async with aiohttp.ClientSession() as http, http.ws_connect(world.gateway_url) as socket:
        assert (await socket.receive_json())["op"] == Op.HELLO
        for payload in said:
            await socket.send_json(payload)
            if (await socket.receive()).type is not aiohttp.WSMsgType.TEXT:
                return socket.close_code
        await socket.close(code=close)
        return socket.close_code


def _identify(world: DiscordService, **more: object) -> Json:
    return {"op": Op.IDENTIFY, "d": {"token": world.token, "intents": 0, **more}}


async def test_only_clean_close_ends_the_session() -> None:
    async with open_world() as world:
        await _converse(world, _identify(world), close=4000)
        assert len(world.gateway.sessions) == 1
        await _converse(world, _identify(world), close=1000)
        assert len(world.gateway.sessions) == 1


async def test_protocol_errors_have_their_close_codes() -> None:
    async with open_world() as world:
        resume = {"token": world.token, "session_id": "x", "seq": 1}
        assert await _converse(world, {"op": 99}, close=1000) == 4003
        assert await _converse(world, _identify(world), {"op": 99}, close=1000) == 4001
        assert await _converse(world, _identify(world, intents=-1), close=1000) == 4013
        assert await _converse(world, _identify(world, shard=[2, 2]), close=1000) == 4010
        assert await _converse(world, {"op": Op.RESUME, "d": resume}, close=1000) == 1000
        assert await _converse(world, {"d": None}, close=1000) == 4002


async def test_client_without_heartbeat_is_disconnected() -> None:
    async with open_world() as world, aiohttp.ClientSession() as http:
        world.faults.set("discord.gateway.heartbeat_ms", 400)
        async with http.ws_connect(world.gateway_url) as socket:
            hello = await socket.receive_json()
            assert hello["d"]["heartbeat_interval"] == 400
            await socket.send_json({"op": Op.HEARTBEAT, "d": None})
            assert (await socket.receive_json())["op"] == Op.HEARTBEAT_ACK
            assert (await socket.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 4009


async def test_heartbeats_are_acknowledged(rig: Rig) -> None:
    await until_async(lambda: math.isfinite(rig.bot.latency))


async def test_shutdown_is_quick_with_an_unresponsive_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gateway, "ANSWER_SECONDS", 2 * PATIENCE)
    async with open_world() as world:
        host, port = world.base_url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        key = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
        hello = (
            f"GET /discord/gateway HTTP/1.1\r\nHost: x\r\n{key}\r\nSec-WebSocket-Key: {'A' * 22}=="
        )
        writer.write(f"{hello}\r\n\r\n".encode())
        assert b"101" in await reader.readline()
        async with asyncio.timeout(PATIENCE):
            await world.close()
        writer.close()


async def test_bot_leaves_and_joins_a_guild(rig: Rig) -> None:
    removed = rig.event("guild_remove")
    await rig.hands.member("bot", guild="Vera's Den", leave=True)
    assert (await removed).id == VERAS_DEN_ID
    joined = rig.event("guild_join")
    await rig.hands.member("bot", guild="Vera's Den", join=True)
    assert (await joined).name == "Vera's Den"
