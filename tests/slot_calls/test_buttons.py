"""The buttons under a call: found again after a restart, for moderators, kind when they fail."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from unittest.mock import AsyncMock

import discord
import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from core.kit.bus import LocalBus
from core.kit.database import Database
from core.kit.services import Services
from core.slot_calls import store
from core.slot_calls.buttons import CallButton, call_buttons
from tests.clean import cleaned
from tests.kick.rig import settings
from tests.slot_calls.scene import MODERATOR, NOON, call, open_for_calls, posted, waiting

NOBODY = discord.Permissions.none()


@pytest.fixture
def gate(database: Database, guild_id: int, other_guild_id: int) -> Iterator[Database]:
    """Two servers, each with a call #1 on its list."""
    with cleaned(database):
        with database.begin() as tx:
            open_for_calls(tx, guild_id, other_guild_id)
            call(tx, guild_id, "Book of Dead", name="__mad__")
            call(tx, other_guild_id, "Book of Dead")
        yield database


def services_on(database: Database) -> Services:
    def noon() -> datetime:
        return NOON

    return Services(settings(), database, LocalBus(), noon)


def press(
    database: Database, guild_id: int, permissions: discord.Permissions = NOBODY
) -> AsyncMock:
    """An interaction as discord.py hands it over; what we answer is noted in it."""
    interaction = AsyncMock(spec=discord.Interaction)
    interaction.guild_id = guild_id
    interaction.permissions = permissions
    interaction.user.id = MODERATOR
    interaction.client = AsyncMock(spec=discord.Client, services=services_on(database))
    interaction.response = AsyncMock(spec=discord.InteractionResponse)
    interaction.response.is_done = lambda: interaction.response.defer.await_count > 0
    interaction.followup = AsyncMock(spec=discord.Webhook)
    return interaction


def told(answer: AsyncMock) -> str:
    """What the asker alone was told."""
    (one,) = answer.await_args_list
    assert one.kwargs["ephemeral"] is True
    embed: discord.Embed = one.kwargs["embed"]
    return f"{embed.title} {embed.description or ''}".strip()


def read(gate: Database, look: Any, *arguments: Any) -> Any:
    def in_transaction(tx: Connection) -> Any:
        return look(tx, *arguments)

    with gate.begin() as tx:
        return in_transaction(tx)


async def test_an_open_call_has_three_buttons_that_outlive_a_restart() -> None:
    view = call_buttons(7)
    buttons = [item.item for item in view.children if isinstance(item, CallButton)]
    assert [(button.label, button.custom_id) for button in buttons] == [
        ("Done", "slot_calls:done:7"),
        ("Skip", "slot_calls:skip:7"),
        ("Block viewer", "slot_calls:block:7"),
    ]
    assert view.is_persistent()


@pytest.mark.parametrize("act", ["done", "skip", "block"])
async def test_a_button_is_known_again_by_its_id(act: str) -> None:
    template = CallButton.__discord_ui_compiled_template__
    found = template.fullmatch(f"slot_calls:{act}:1234567")
    assert found is not None
    interaction, item = AsyncMock(spec=discord.Interaction), AsyncMock(spec=discord.ui.Item)
    button = await CallButton.from_custom_id(interaction, item, found)
    assert (button.act, button.number) == (act, 1_234_567)


@pytest.mark.parametrize(
    "custom_id", ["slot_calls:win:1", "slot_calls:done:", "slot_calls:done:1x", "done:1", ""]
)
def test_another_id_is_not_ours(custom_id: str) -> None:
    template: re.Pattern[str] = CallButton.__discord_ui_compiled_template__
    assert template.fullmatch(custom_id) is None


@pytest.mark.parametrize(
    "permissions",
    [
        discord.Permissions(manage_messages=True),
        discord.Permissions(manage_guild=True),
        discord.Permissions.all(),
    ],
)
async def test_moderators_may_press(
    gate: Database, guild_id: int, permissions: discord.Permissions
) -> None:
    interaction = press(gate, guild_id, permissions)
    assert await CallButton("done", 1).interaction_check(interaction)
    interaction.response.send_message.assert_not_awaited()


async def test_nobody_else_may_and_is_told_what_it_needs(gate: Database, guild_id: int) -> None:
    interaction = press(gate, guild_id, discord.Permissions(send_messages=True))
    assert not await CallButton("done", 1).interaction_check(interaction)
    words = told(interaction.response.send_message)
    assert "for moderators" in words
    assert "Manage Messages" in words
    assert read(gate, waiting, guild_id) != []


@pytest.mark.parametrize(("act", "state"), [("done", "done"), ("skip", "skipped")])
async def test_a_click_closes_the_call_of_its_own_server(
    gate: Database, guild_id: int, other_guild_id: int, act: str, state: str
) -> None:
    interaction = press(gate, guild_id)
    await CallButton(act, 1).callback(interaction)
    interaction.response.defer.assert_awaited_once()
    interaction.followup.send.assert_not_awaited()
    found = read(gate, store.find_call, guild_id, 1)
    assert (found.state, found.closed_by) == (state, MODERATOR)
    assert len(read(gate, posted, guild_id, "slot_calls.post")) == 2
    assert len(read(gate, waiting, other_guild_id)) == 1


async def test_block_tells_who_was_blocked_and_how_to_take_it_back(
    gate: Database, guild_id: int
) -> None:
    interaction = press(gate, guild_id)
    await CallButton("block", 1).callback(interaction)
    words = told(interaction.followup.send)
    assert "\\_\\_mad\\_\\_ can no longer request slots" in words
    assert "/slotcalls unblock" in words
    assert read(gate, store.list_blocked, guild_id) == ["__mad__"]
    assert read(gate, waiting, guild_id) == []


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [("done", "skip", "already closed"), ("skip", "done", "already closed")],
)
async def test_the_second_click_is_told_that_somebody_was_faster(
    gate: Database, guild_id: int, first: str, second: str, words: str
) -> None:
    await CallButton(first, 1).callback(press(gate, guild_id))
    late = press(gate, guild_id)
    await CallButton(second, 1).callback(late)
    assert words in told(late.followup.send)
    state = {"done": "done", "skip": "skipped"}[first]
    assert read(gate, store.find_call, guild_id, 1).state == state


async def test_a_call_that_is_not_there_is_a_kind_word(gate: Database, guild_id: int) -> None:
    interaction = press(gate, guild_id)
    await CallButton("done", 99).callback(interaction)
    assert "There is no request #99" in told(interaction.followup.send)


async def test_while_the_database_is_away_the_moderator_is_told(guild_id: int) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    interaction = press(away, guild_id)
    await CallButton("done", 1).callback(interaction)
    interaction.response.defer.assert_awaited_once()
    assert "The database is not answering" in told(interaction.followup.send)


async def test_a_bug_is_noted_under_a_code_and_not_shown(gate: Database, guild_id: int) -> None:
    interaction = press(gate, guild_id)
    interaction.user.id = "not a number"
    with capture_logs() as lines:
        await CallButton("done", 1).callback(interaction)
    words = told(interaction.followup.send)
    assert "Something went wrong on our side" in words
    (noted,) = [line for line in lines if line["event"] == "A button broke"]
    assert noted["code"] in words
    assert "not a number" not in words
    assert len(read(gate, waiting, guild_id)) == 1
