"""Rate limits and the faults of REST, as experienced by discord.py and a careful client."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import discord
import pytest

from tests.patience import until_async
from tests.sandbox.discord_rig import Rig, open_rig, open_world


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as opened:
        yield opened


async def contents(rig: Rig) -> list[str]:
    return [line["content"] for line in await rig.hands.transcript("general")]


async def test_client_waits_and_retries_after_429(rig: Rig) -> None:
    await rig.hands.fault(rest_429=2, **{"rest_429_retry_after": 0.1})
    started = time.monotonic()
    await rig.general.send("patience")
    assert time.monotonic() - started >= 0.2
    assert await contents(rig) == ["patience"]


async def test_client_retries_after_500(rig: Rig) -> None:
    await rig.hands.fault(rest_500=1)
    await rig.general.send("again")
    assert await contents(rig) == ["again"]


async def test_nonce_prevents_a_duplicate_after_a_late_500(rig: Rig) -> None:
    await rig.hands.fault(rest_late_500=1)
    await rig.general.send("once", nonce="n-1")
    assert await contents(rig) == ["once"]
    assert rig.world.faults.get("discord.rest.late_500") == 0


async def test_message_with_lost_reply_is_stored(rig: Rig) -> None:
    await rig.hands.fault(rest_lost_answer=1)
    with pytest.raises(aiohttp.ClientError):
        await rig.general.send("sent, but who knows", nonce="n-2")
    again = await rig.general.send("sent, but who knows", nonce="n-2")
    assert await contents(rig) == ["sent, but who knows"]
    assert str(again.id) == (await rig.hands.transcript("general"))[0]["message_id"]


async def test_missing_permission_fault_applies_once(rig: Rig) -> None:
    await rig.hands.fault(rest_missing_permission=1)
    with pytest.raises(discord.Forbidden) as error:
        await rig.general.send("no")
    assert error.value.code == 50013
    await rig.general.send("yes")


async def test_slow_rest_delays_responses(rig: Rig) -> None:
    await rig.hands.fault(rest_slow_ms=120)
    started = time.monotonic()
    await rig.general.send("slow")
    assert time.monotonic() - started >= 0.12


async def test_message_rate_limit_delays_the_bot(rig: Rig) -> None:
    await rig.hands.fault(ratelimit_messages=3, ratelimit_window_s=0.3)
    started = time.monotonic()
    for n in range(7):
        await rig.general.send(f"{n}")
    assert time.monotonic() - started >= 0.5
    assert await contents(rig) == [f"{n}" for n in range(7)]


async def test_client_ignoring_rate_limit_headers_gets_429() -> None:
    async with open_world() as world, aiohttp.ClientSession() as http:
        world.faults.set("discord.ratelimit.messages", 1)
        world.faults.set("discord.ratelimit.window_s", 60.0)
        url = f"{world.api_url}/channels/{next(iter(world.guilds)) + 20}/messages"
        headers = {"Authorization": f"Bot {world.token}"}
        async with http.post(url, json={"content": "1"}, headers=headers) as first:
            assert first.headers["X-RateLimit-Remaining"] == "0"
            assert first.headers["Content-Type"] == "application/json"
        async with http.post(url, json={"content": "2"}, headers=headers) as second:
            assert second.status == 429
            assert second.headers["Via"]
            body = await second.json()
            assert body["global"] is False
            assert 0 < body["retry_after"] <= 60
            assert float(second.headers["Retry-After"]) == pytest.approx(
                body["retry_after"], abs=0.01
            )


async def test_unauthorized_unknown_and_malformed_requests_are_rejected() -> None:
    async with open_world() as world, aiohttp.ClientSession() as http:
        async with http.get(f"{world.api_url}/users/@me") as answer:
            assert answer.status == 401
        async with http.get(f"{world.api_url}/nonsense") as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, 0)
        headers = {"Authorization": f"Bot {world.token}"}
        url = f"{world.api_url}/users/@me/channels"
        async with http.post(url, data=b"{", headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, 50109)
        async with http.post(url, json={"recipient_id": "x"}, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, 50035)
        async with http.get(f"{world.api_url}/gateway") as answer:
            assert (await answer.json())["url"] == world.gateway_url


async def test_state_shows_the_world_and_feed_lists_its_changes(rig: Rig) -> None:
    heard: list[str] = []
    listener = rig.world.changes.listen()

    async def listen() -> None:
        async for change in listener:
            heard.append(change["area"])

    listening = asyncio.create_task(listen())
    message_id = await rig.hands.message("mia", "general", "hi")
    await rig.hands.react("leo", message_id, "👍")
    await until_async(lambda: "discord.reaction" in heard)
    listening.cancel()
    assert heard[0] == "discord.message"
    state = await rig.hands.state()
    assert state["bot"]["connected"]
    corner = state["guilds"][0]
    general, mods = corner["channels"][0], corner["channels"][4]
    assert general["messages"][-1]["author_handle"] == "mia"
    assert general["messages"][-1]["reactors"] == {"👍": ["leo"]}
    assert mods["visible_to"] == ["nora", "tomas", "bot"]


async def test_guilds_are_isolated(rig: Rig) -> None:
    await rig.hands.message("vera", "general", "in the den")
    await rig.hands.message("nora", "general", "in the corner")
    assert await contents(rig) == ["in the corner"]
    den = await rig.hands.transcript("general", guild="Vera's Den")
    assert [line["content"] for line in den] == ["in the den"]
