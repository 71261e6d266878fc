"""Messages in the fake Discord are kept across a restart."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.discord.driver import DiscordDriver
from sandbox.discord.seed import NORAS_CORNER_ID, channel_id
from sandbox.serve import Sandbox, serve
from tests.patience import until_async
from tests.sandbox.discord_rig import Hands

GENERAL = channel_id(NORAS_CORNER_ID, "general")
Json = dict[str, Any]


@asynccontextmanager
async def opened(file: Path) -> AsyncIterator[tuple[Sandbox, Hands]]:
    async with serve(discord_file=file) as sandbox:
        driver = DiscordDriver(sandbox.base_url)
        yield sandbox, Hands(driver)
        driver.close()


async def posted(sandbox: Sandbox, **body: Any) -> str:
    """The id of a message of the bot."""
    url = f"{sandbox.env['DISCORD_API_URL']}/channels/{GENERAL}/messages"
    headers = {"Authorization": f"Bot {sandbox.env['DISCORD_TOKEN']}"}
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers) as sent:
        assert sent.status == 200, await sent.text()
        return str((await sent.json())["id"])


BUTTON = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}


def shown(state: Json) -> object:
    """Both servers, apart from the sandbox's address. Half a character becomes a whole one."""
    text = json.dumps([state["guilds"], state["dms"]]).replace("\\ud83c ", "? ")
    return json.loads(re.sub(r"http://127.0.0.1:\d+", "", text))


async def test_restart_restores_everything(tmp_path: Path) -> None:
    file = tmp_path / "data" / "discord.json"
    async with opened(file) as (sandbox, hands):
        await hands.message("mia", "general", "héllo \0 \ud83c 🎰")
        card = await posted(sandbox, embeds=[{"title": "A card"}], components=[BUTTON])
        await hands.react("mia", card, "🎉")
        await hands.pin("nora", card)
        await hands.role("Regular", permissions=0)
        await hands.member("mia", roles=["Regular"])
        await hands.channel("new-place", create=True)
        before = await hands.state()
    async with opened(file) as (_sandbox, hands):
        after = await hands.state()
        again = await hands.message("mia", "general", "and on")

    assert shown(after) == shown(before)
    assert int(again) > int(card)


async def test_state_is_saved_while_running(tmp_path: Path) -> None:
    file = tmp_path / "discord.json"
    async with opened(file) as (_sandbox, hands):
        await hands.message("mia", "general", "before the kill")
        await until_async(lambda: file.exists() and "before the kill" in file.read_text())


async def test_unreadable_file_is_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "discord.json"
    file.write_text("{half")
    async with opened(file) as (_sandbox, hands):
        await hands.message("mia", "general", "hello")
    assert file.with_suffix(".unreadable").read_text() == "{half"
    assert "cannot be read" in capsys.readouterr().err
    assert "hello" in await asyncio.to_thread(file.read_text)


async def test_without_a_file_nothing_is_saved(tmp_path: Path) -> None:
    async with serve():
        pass
    assert list(tmp_path.iterdir()) == []
