"""Buttons that keep working after a restart."""

from collections.abc import Collection
from typing import Any
from unittest.mock import AsyncMock

import discord
import pytest
from sqlalchemy import Connection

from core.kit.database.connection import Database
from core.kit.discord.buttons import ActionButton, ConfirmButton, Reply, question_view
from core.kit.errors import Refusal
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from tests.kick.rig import settings


class Likes(ActionButton, template=r"likes:(?P<what>[a-z0-9]+):(?P<count>\d+)"):
    permission = "manage_messages"

    def __init__(self, what: str, count: int) -> None:
        super().__init__(discord.ui.Button(label=what, custom_id=f"likes:{what}:{count}"))
        self.what, self.count = what, count

    async def press(self, interaction: discord.Interaction) -> discord.Embed | None:
        if self.count == 0:
            raise Refusal("Nobody likes it.")
        return discord.Embed(title=f"{self.count} like {self.what}") if self.what != "it" else None


def interaction(services: Services | None = None, **permissions: bool) -> AsyncMock:
    made = AsyncMock(spec=discord.Interaction)
    made.guild_id = 1
    made.guild = AsyncMock(spec=discord.Guild, id=1)
    made.user = AsyncMock(spec=discord.Member, roles=[AsyncMock(spec=discord.Role, id=5)])
    made.client = AsyncMock(spec=discord.Client, services=services)
    made.permissions = discord.Permissions(**permissions)
    made.response = AsyncMock(spec=discord.InteractionResponse)
    made.response.is_done = lambda: made.response.defer.await_count > 0
    made.followup = AsyncMock(spec=discord.Webhook)
    return made


def reply(sent: AsyncMock) -> str:
    """The private reply."""
    (call,) = sent.await_args_list
    assert call.kwargs["ephemeral"] is True
    embed: discord.Embed = call.kwargs["embed"]
    return f"{embed.title} {embed.description or ''}".strip()


async def test_custom_id_gives_the_arguments_back() -> None:
    match = Likes.__discord_ui_compiled_template__.fullmatch("likes:cats:12")
    assert match is not None
    item: Any = AsyncMock(spec=discord.ui.Item)
    button = await Likes.from_custom_id(interaction(), item, match)
    assert (button.what, button.count) == ("cats", 12)


@pytest.mark.parametrize("custom_id", ["likes:cats:", "likes:cats:1x", "cats:1", ""])
def test_other_custom_ids_are_ignored(custom_id: str) -> None:
    assert Likes.__discord_ui_compiled_template__.fullmatch(custom_id) is None


@pytest.mark.parametrize("permission", ["manage_messages", "manage_guild"])
async def test_member_with_permission_can_press(permission: str) -> None:
    pressed = interaction(None, **{permission: True})
    assert await Likes("cats", 1).interaction_check(pressed)
    pressed.response.send_message.assert_not_awaited()


@pytest.mark.parametrize("group", ["kit", "raffle"])
async def test_member_without_permission_needs_the_command_group(
    database: Database, group: str
) -> None:
    def granted(_tx: Connection, _guild_id: int, role_ids: Collection[int]) -> frozenset[str]:
        return frozenset({group} if 5 in role_ids else ())

    services = Services(settings(), database, LocalBus(), granted=granted)
    pressed = interaction(services, send_messages=True)
    assert await Likes("cats", 1).interaction_check(pressed) == (group == "kit")
    if group != "kit":
        assert "Manage Messages" in reply(pressed.response.send_message)


async def test_reply_and_refusal_are_private() -> None:
    for button, expected in ((Likes("cats", 2), "2 like cats"), (Likes("x", 0), "⚠️ Nobody likes")):
        pressed = interaction()
        await button.callback(pressed)
        pressed.response.defer.assert_awaited_once()
        assert reply(pressed.followup.send).startswith(expected)


async def test_no_reply_is_fine() -> None:
    pressed = interaction()
    await Likes("it", 1).callback(pressed)
    pressed.followup.send.assert_not_awaited()


class Reset(ConfirmButton, template=r"reset:(?P<asker>[0-9]+)"):
    def __init__(self, asker: int) -> None:
        super().__init__("Reset", f"reset:{asker}", asker)

    async def confirm(self, interaction: discord.Interaction) -> Reply:
        sure = discord.Embed(title="Are you sure?"), question_view(Reset(self.asker_id or 0), 8)
        return sure if interaction.user.id == 8 else discord.Embed(title="Reset")


def pressed_by(member_id: int) -> AsyncMock:
    pressed = interaction()
    pressed.user.id = member_id
    return pressed


async def test_only_the_asked_member_can_confirm() -> None:
    assert await Reset(7).interaction_check(pressed_by(7))
    other = pressed_by(8)
    assert not await Reset(7).interaction_check(other)
    assert "Only the person who ran this" in reply(other.response.send_message)


async def test_reply_replaces_the_question() -> None:
    pressed = pressed_by(7)
    await Reset(7).callback(pressed)
    shown = pressed.edit_original_response.await_args.kwargs
    assert (shown["embed"].title, shown["view"]) == ("Reset", None)


async def test_confirmed_question_can_lead_to_another() -> None:
    pressed = pressed_by(8)
    await Reset(8).callback(pressed)
    shown = pressed.edit_original_response.await_args.kwargs
    assert shown["embed"].title == "Are you sure?"
    assert [item.item.label for item in shown["view"].children] == ["Reset", "Cancel"]
