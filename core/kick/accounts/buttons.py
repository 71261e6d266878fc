"""The way to one's link: by direct message, or by a button that answers privately."""

import asyncio
import re
from typing import Any

import discord

from core.kick.accounts import actions, embeds
from core.kick.accounts.links import LINKS
from core.kit.discord_ui import is_admin, kindly, services_of
from core.kit.services import Services
from core.kit.words import _


async def invite(
    services: Services, guild: discord.Guild, asker: discord.abc.User
) -> tuple[discord.Embed, discord.ui.View]:
    """A new link for this admin, as an embed with a button.

    Raises:
        Refusal: no channel is configured.
    """
    link = await services.database.run(
        actions.open_link, guild.id, asker.id, asker.display_name, services.clock()
    )
    channel = await services.database.run(actions.get_channel, guild.id)
    view = discord.ui.View(timeout=None)
    url = await asyncio.to_thread(LINKS.make, services.settings, link)
    view.add_item(discord.ui.Button(label=_("Continue"), url=url))
    return embeds.invitation(guild.name, channel.slug), view


class LinkButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"kick_accounts:link"
):
    """Gives whoever may manage the server a link of their own, privately."""

    def __init__(self) -> None:
        super().__init__(
            discord.ui.Button(
                label=_("Show my link"),
                style=discord.ButtonStyle.primary,
                custom_id="kick_accounts:link",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], _match: re.Match[str]
    ) -> "LinkButton":
        return cls()

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await is_admin(interaction)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            assert interaction.guild is not None, "interaction_check has seen to it"
            embed, view = await invite(
                services_of(interaction), interaction.guild, interaction.user
            )
            await interaction.followup.send(embed=embed, view=view, ephemeral=True)


def link_button() -> discord.ui.View:
    """The button alone. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    view.add_item(LinkButton())
    return view
