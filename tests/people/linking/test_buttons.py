"""The buttons of linking: who may use them, and how old ones behave."""

import re
from typing import Any
from unittest.mock import AsyncMock

import discord
import pytest

from core.kit.database.connection import Database
from core.kit.discord.buttons import KeepButton
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.people import store as people
from core.people.linking.discord import StartButton, UnlinkButton, ask_unlink
from core.people.panels.reactions import PanelButton, panel_buttons
from core.people.records import Link
from tests.acting import act
from tests.kick.rig import settings
from tests.people.linking.rig import MIA, SAM
from tests.people.linking.test_actions import (
    BEAN,
    MADCATS,
    NOON,
    NORA,
    link_account,
    unlink_account,
)

NOBODY = discord.Permissions.none()
ADMIN = discord.Permissions(manage_guild=True)


def press(
    database: Database, guild_id: int, person: int, permissions: discord.Permissions = NOBODY
) -> AsyncMock:
    """An interaction as discord.py hands it over; what we answer is noted in it."""
    interaction = AsyncMock(spec=discord.Interaction)
    interaction.guild_id = guild_id
    interaction.permissions = permissions
    interaction.user.id = person
    services = Services(settings(), database, LocalBus(), lambda: NOON)
    interaction.client = AsyncMock(spec=discord.Client, services=services)
    interaction.response = AsyncMock(spec=discord.InteractionResponse)
    interaction.response.is_done = lambda: interaction.response.defer.await_count > 0
    return interaction


def link(database: Database, guild_id: int, **who: Any) -> Link:
    given = {"discord_id": MIA, "person": MADCATS, **who}
    with database.begin() as tx:
        return link_account(tx, guild_id, **given)


def is_linked(database: Database, guild_id: int, discord_id: int = MIA) -> bool:
    with database.begin() as tx:
        return act(tx, guild_id, people.find_link, discord_id) is not None


def shown(interaction: AsyncMock) -> str:
    """The question as it is afterwards."""
    (answer,) = interaction.edit_original_response.await_args_list
    assert answer.kwargs["view"] is None
    return str(answer.kwargs["embed"].title)


async def test_question_has_two_persistent_buttons(clean: Database, guild_id: int) -> None:
    found = link(clean, guild_id)
    view = ask_unlink(NORA, [found], own=False)["view"]
    assert view.is_persistent()
    labels = [item.item.label for item in view.children if isinstance(item, discord.ui.DynamicItem)]
    assert labels == ["Unlink", "Cancel"]
    again = await known_again(UnlinkButton, f"people:unlink:{NORA}:{MIA}:{found.viewer_id}")
    assert (again.asker_id, again.discord_id, again.viewer_id) == (NORA, MIA, found.viewer_id)
    assert (await known_again(KeepButton, f"question:keep:{NORA}")).asker_id == NORA


@pytest.mark.parametrize(
    ("is_linked", "reply"), [(True, "Unlink"), (False, "No account is linked")]
)
async def test_unlink_button_of_a_panel_asks_first(
    clean: Database, guild_id: int, is_linked: bool, reply: str
) -> None:
    if is_linked:
        link(clean, guild_id)
    buttons: list[Any] = panel_buttons(["kick"]).children
    assert [button.custom_id for button in buttons] == ["people:panel:link", "people:panel:unlink"]
    interaction = press(clean, guild_id, MIA)
    interaction.guild.id = guild_id
    interaction.followup.send = AsyncMock()
    await PanelButton("unlink").press(interaction)
    (sent,) = interaction.followup.send.await_args_list
    assert reply in sent.kwargs["embed"].title
    assert ("view" in sent.kwargs) is is_linked


async def known_again(kind: Any, custom_id: str) -> Any:
    template: re.Pattern[str] = kind.__discord_ui_compiled_template__
    match = template.fullmatch(custom_id)
    assert match is not None
    interaction, item = AsyncMock(spec=discord.Interaction), AsyncMock(spec=discord.ui.Item)
    return await kind.from_custom_id(interaction, item, match)


def test_longest_custom_id_fits_and_matches_one_button() -> None:
    longest = f"people:unlink:{2**63}:{2**63}:{2**63}"
    assert len(longest) <= 100
    kinds: list[Any] = [StartButton, UnlinkButton, KeepButton]
    for custom_id in ("people:link", longest, "question:keep:1"):
        known = [k for k in kinds if k.__discord_ui_compiled_template__.fullmatch(custom_id)]
        assert len(known) == 1


@pytest.mark.parametrize(
    ("presser", "permissions", "may"),
    [(MIA, NOBODY, True), (SAM, NOBODY, False), (SAM, ADMIN, False)],
)
async def test_only_the_asked_member_can_answer(
    clean: Database, guild_id: int, presser: int, permissions: discord.Permissions, may: bool
) -> None:
    for button in (UnlinkButton(MIA, MIA, 1), KeepButton(MIA, "Cancel")):
        interaction = press(clean, guild_id, presser, permissions)
        assert await button.interaction_check(interaction) is may
        assert interaction.response.send_message.await_count == (not may)


@pytest.mark.parametrize(("permissions", "may"), [(ADMIN, True), (NOBODY, False)])
async def test_former_admin_cannot_unlink_others(
    clean: Database, guild_id: int, permissions: discord.Permissions, may: bool
) -> None:
    interaction = press(clean, guild_id, NORA, permissions)
    assert await UnlinkButton(NORA, MIA, 1).interaction_check(interaction) is may


async def test_second_click_shows_no_account_linked(clean: Database, guild_id: int) -> None:
    found = link(clean, guild_id)
    said = []
    for _click in range(2):
        interaction = press(clean, guild_id, MIA)
        await UnlinkButton(MIA, MIA, found.viewer_id).callback(interaction)
        said.append(shown(interaction))
    assert said == ["🔓 Unlinked", "🔓 No account is linked"]
    assert not is_linked(clean, guild_id)


async def test_old_button_does_not_end_a_later_link(clean: Database, guild_id: int) -> None:
    former = link(clean, guild_id)
    with clean.begin() as tx:
        unlink_account(tx, guild_id, former)
    link(clean, guild_id, person=BEAN)
    link(clean, guild_id, discord_id=SAM)
    await UnlinkButton(MIA, MIA, former.viewer_id).callback(press(clean, guild_id, MIA))
    assert is_linked(clean, guild_id, MIA)
    assert is_linked(clean, guild_id, SAM)


async def test_button_of_one_server_does_nothing_in_another(
    clean: Database, guild_id: int, other_guild_id: int
) -> None:
    found = link(clean, guild_id)
    await UnlinkButton(MIA, MIA, found.viewer_id).callback(press(clean, other_guild_id, MIA))
    assert is_linked(clean, guild_id)
