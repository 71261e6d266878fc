"""The way to one's link: by direct message, or by a button that answers privately."""

import asyncio
from typing import Any

import discord

from core.kick.accounts import actions, embeds
from core.kick.accounts.links import LINKS
from core.kit.discord_access import is_admin
from core.kit.discord_own import OwnButton
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


class LinkButton(OwnButton, template=r"kick_accounts:link"):
    """Gives whoever may manage the server a link of their own."""

    address = "kick_accounts:link"

    @staticmethod
    def words() -> str:
        return _("Show my link")

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await is_admin(interaction, __name__)

    async def give(
        self, services: Services, guild: discord.Guild, person: discord.abc.User
    ) -> dict[str, Any]:
        embed, view = await invite(services, guild, person)
        return {"embed": embed, "view": view}
