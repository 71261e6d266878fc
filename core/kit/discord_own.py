"""Buttons that give whoever presses them something of their own, which nobody else sees. They are
found by their custom ids, so they outlive restarts."""

import re
from typing import Any, ClassVar

import discord

from core.kit.discord_ui import handle_errors, services_of
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _


class OwnButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"own:of-no-feature"
):
    """A kind of it says what it gives. Its template and its address are the same.

    Attributes:
        address: its custom id.
    """

    address: ClassVar[str]

    def __init__(self) -> None:
        style = discord.ButtonStyle.primary
        super().__init__(discord.ui.Button(label=self.words(), style=style, custom_id=self.address))

    @staticmethod
    def words() -> str:
        """What stands on it."""
        raise NotImplementedError

    async def give(
        self, services: Services, guild: discord.Guild, person: discord.abc.User
    ) -> dict[str, Any]:
        """What to send, as discord.py's `send` takes it. Errors are answered as usual."""
        raise NotImplementedError

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], _match: re.Match[str]
    ) -> "OwnButton":
        return cls()

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            if interaction.guild is None:
                raise Refusal(_("This works in a server only."))
            given = await self.give(services_of(interaction), interaction.guild, interaction.user)
            await interaction.followup.send(**given, ephemeral=True)


def alone(button: OwnButton) -> discord.ui.View:
    """The button, to be sent. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    view.add_item(button)
    return view
