"""Buttons that give members something of their own, such as a personal link, in a private reply."""

from typing import Any, ClassVar

import discord

from core.kit.discord_buttons import PersistentButton
from core.kit.discord_ui import services_of
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _


class OwnButton(PersistentButton, template=r"(?!)"):
    """Base of these buttons. Everybody may press one.

    Attributes:
        address: its custom id, and the `template` of the subclass.
    """

    shows_result = True
    address: ClassVar[str]

    def __init__(self) -> None:
        style = discord.ButtonStyle.primary
        super().__init__(discord.ui.Button(label=self.words(), style=style, custom_id=self.address))

    @staticmethod
    def words() -> str:
        """The label."""
        raise NotImplementedError

    async def give(
        self, services: Services, guild: discord.Guild, person: discord.abc.User
    ) -> dict[str, Any]:
        """The private reply, as arguments of discord.py's `send`."""
        raise NotImplementedError

    async def press(self, interaction: discord.Interaction) -> None:
        if interaction.guild is None:
            raise Refusal(_("This works in a server only."))
        given = await self.give(services_of(interaction), interaction.guild, interaction.user)
        await interaction.followup.send(**given, ephemeral=True)


def alone(button: OwnButton) -> discord.ui.View:
    """A view with this button only. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    view.add_item(button)
    return view
