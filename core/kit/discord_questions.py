"""Questions with Yes and No for one person. The buttons are found by their custom ids, so they
outlive restarts."""

import re
from typing import Any

import discord

from core.kit.discord_ui import card, kindly, private_word
from core.kit.words import _

Item = discord.ui.Item[Any]


def question_view(yes: Item, asker_id: int, keep: str) -> discord.ui.View:
    """Yes, or keep everything as it is, in these words. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    view.add_item(yes)
    view.add_item(KeepButton(asker_id, keep))
    return view


async def was_asked(interaction: discord.Interaction, asker_id: int) -> bool:
    """Whether the question was put to whoever pressed a button; anybody else is told so."""
    if interaction.user.id == asker_id:
        return True
    embed = card("⚠️ " + _("This question was put to somebody else"), tone="warning")
    await private_word(interaction, embed)
    return False


class KeepButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"question:keep:(?P<asker>[0-9]{1,20})",
):
    """No: nothing is changed, and the question is over."""

    def __init__(self, asker_id: int, label: str) -> None:
        custom_id = f"question:keep:{asker_id}"
        super().__init__(discord.ui.Button(label=label, custom_id=custom_id))
        self.asker_id = asker_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: Item, match: re.Match[str]
    ) -> "KeepButton":
        return cls(int(match["asker"]), "?")

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await was_asked(interaction, self.asker_id)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            embed = card("✅ " + _("Everything stays as it is"))
            await interaction.response.edit_message(embed=embed, view=None)
