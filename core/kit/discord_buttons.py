"""Buttons with which admins decide about something that has a number. They are found by their
custom ids, so they outlive restarts."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import discord

from core.kit.discord_access import is_admin
from core.kit.discord_ui import kindly, private_word, services_of
from core.kit.services import Services

MOST_ROWS = 5
"""Discord shows five rows of buttons."""

Face = tuple[str, discord.ButtonStyle]
"""A button's label, which may contain `{number}` and `{name}`, and its colour."""


class AdminButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"admin:of-no-feature"
):
    """Does one of its acts, in the server where it is pressed, and shows the result to whoever
    pressed it. Only admins may use it. Needs a running event loop.

    Class arguments:
        address: begins the custom ids.
        acts: what its buttons do.

    Args:
        act: one of these acts.
        number: of what it is done to.
        name: for the label; it is unknown when the button is pressed.
    """

    address: ClassVar[str]

    def __init_subclass__(cls, *, address: str, acts: Sequence[str]) -> None:
        cls.address = address
        ids = rf"{re.escape(address)}:(?P<act>{'|'.join(acts)}):(?P<number>[0-9]{{1,18}})"
        super().__init_subclass__(template=ids)

    def __init__(self, act: str, number: int, name: str = "") -> None:
        label, style = self.face(act)
        super().__init__(
            discord.ui.Button(
                label=label.format(number=number, name=name).strip()[:80],
                style=style,
                custom_id=f"{self.address}:{act}:{number}",
            )
        )
        self.act = act
        self.number = number

    @staticmethod
    def face(act: str) -> Face:
        """How the button for this act looks."""
        raise NotImplementedError

    async def perform(self, services: Services, guild: discord.Guild, actor: int) -> discord.Embed:
        """Do it; what to answer."""
        raise NotImplementedError

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "AdminButton":
        return cls(match["act"], int(match["number"]))

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await is_admin(interaction, type(self).__module__)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            guild = interaction.guild
            assert guild is not None, "admins are known in servers only"
            done = await self.perform(services_of(interaction), guild, interaction.user.id)
            await private_word(interaction, done)


def button_rows(rows: Iterable[Sequence[AdminButton]]) -> discord.ui.View:
    """One row below the other; at most `MOST_ROWS`. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    for number, buttons in enumerate(rows):
        for button in buttons:
            button.row = number
            view.add_item(button)
    return view
