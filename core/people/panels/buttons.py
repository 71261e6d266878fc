"""The button of a panel. It is found by its custom id, so panels of former times keep working."""

import re
from typing import Any

import discord

from core.kit.discord_ui import kindly, services_of
from core.kit.errors import Refusal
from core.kit.words import _
from core.people.linking.buttons import invite, invite_by_dm
from core.people.panels import embeds


class PanelButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"people:panel"
):
    """Sends whoever presses it a link of their own; privately under the panel where direct
    messages are closed."""

    def __init__(self) -> None:
        super().__init__(
            discord.ui.Button(
                label=_("Link Kick"),
                style=discord.ButtonStyle.primary,
                custom_id="people:panel",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], _match: re.Match[str]
    ) -> "PanelButton":
        return cls()

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            if interaction.guild is None:
                raise Refusal(_("This works in a server only."))
            services, guild = services_of(interaction), interaction.guild
            if await invite_by_dm(services, guild, interaction.user):
                await interaction.followup.send(embed=embeds.sent_by_dm(), ephemeral=True)
                return
            embed, view = await invite(services, guild, interaction.user)
            await interaction.followup.send(embed=embed, view=view, ephemeral=True)


def panel_buttons() -> discord.ui.View:
    """What stands under a panel. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    view.add_item(PanelButton())
    return view
