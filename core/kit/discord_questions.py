"""Questions with two buttons, confirm and cancel, which keep working after a restart.

Subclass `ConfirmButton`, and send the question with `question_view(button, asker_id)`.
"""

from typing import Any

import discord

from core.kit.discord_buttons import PersistentButton
from core.kit.discord_ui import card, handle_errors, reply_privately
from core.kit.words import _

Item = discord.ui.Item[Any]

Reply = discord.Embed | tuple[discord.Embed, discord.ui.View]
"""What replaces a question that was answered; with a view if it is another question."""


class ConfirmButton(PersistentButton, template=r"(?!)"):
    """Base of the button that confirms.

    Args:
        asker_id: the only member who may press it; None for everybody with its `permission`.
    """

    def __init__(self, label: str, custom_id: str, asker_id: int | None = None) -> None:
        style = discord.ButtonStyle.danger
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))
        self.asker_id = asker_id

    async def confirm(self, interaction: discord.Interaction) -> Reply:
        """Do what was asked about. What it returns replaces the question."""
        raise NotImplementedError

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if self.asker_id is not None and not await was_asked(interaction, self.asker_id):
            return False
        return await super().interaction_check(interaction)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            await interaction.response.defer()
            reply = await self.confirm(interaction)
            embed, view = reply if isinstance(reply, tuple) else (reply, None)
            await interaction.edit_original_response(embed=embed, view=view)


def question_view(yes: Item, asker_id: int, keep: str = "") -> discord.ui.View:
    """Confirm, or cancel. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    view.add_item(yes)
    view.add_item(KeepButton(asker_id, keep or _("Cancel")))
    return view


async def was_asked(interaction: discord.Interaction, asker_id: int) -> bool:
    """Whether this member was asked; anybody else gets a reply that says so."""
    if interaction.user.id == asker_id:
        return True
    embed = card("⚠️ " + _("This question is for somebody else"), tone="warning")
    await reply_privately(interaction, embed)
    return False


class KeepButton(PersistentButton, template=r"question:keep:(?P<asker_id>[0-9]{1,20})"):
    """Cancels: nothing changes, and the question is replaced."""

    def __init__(self, asker_id: int, label: str = "?") -> None:
        custom_id = f"question:keep:{asker_id}"
        super().__init__(discord.ui.Button(label=label, custom_id=custom_id))
        self.asker_id = asker_id

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await was_asked(interaction, self.asker_id)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            embed = card("✅ " + _("Everything stays as it is"))
            await interaction.response.edit_message(embed=embed, view=None)
