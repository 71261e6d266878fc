"""The buttons of a panel. They are found by their custom ids, so panels of former times keep
working."""

import re
from typing import Any, Literal, cast

import discord

from core.kit.discord_ui import handle_errors, services_of
from core.kit.errors import Refusal
from core.kit.words import _
from core.people import store as people
from core.people.linking import embeds as linking
from core.people.linking.buttons import invite, invite_by_dm, unlink_buttons

Act = Literal["link", "unlink"]


class PanelButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"people:panel:(?P<act>link|unlink)",
):
    """Link sends whoever presses it a link of their own, or shows it privately where direct
    messages are closed. Unlink asks first. Nobody else sees the answers."""

    def __init__(self, act: Act) -> None:
        label, style = {
            "link": (_("Link Kick"), discord.ButtonStyle.primary),
            "unlink": (_("Unlink"), discord.ButtonStyle.secondary),
        }[act]
        super().__init__(
            discord.ui.Button(label=label, style=style, custom_id=f"people:panel:{act}")
        )
        self.act = act

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "PanelButton":
        return cls(cast("Act", match["act"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            if interaction.guild is None:
                raise Refusal(_("This works in a server only."))
            answer = await self._answer(interaction, interaction.guild)
            await interaction.followup.send(**answer, ephemeral=True)

    async def _answer(
        self, interaction: discord.Interaction, guild: discord.Guild
    ) -> dict[str, Any]:
        services, member = services_of(interaction), interaction.user
        link = await services.database.run(people.find_link, guild.id, member.id)
        if self.act == "unlink":
            if link is None:
                return {"embed": linking.not_linked(own=True)}
            question = linking.ask_unlink(link, own=True, openly=False)
            return {"embed": question, "view": unlink_buttons(member.id, link)}
        if link is not None:
            return {"embed": linking.already_linked(guild.name, link)}
        if await invite_by_dm(services, guild, member):
            return {"embed": linking.sent_by_dm()}
        embed, view = await invite(services, guild, member)
        return {"embed": embed, "view": view}


def panel_buttons() -> discord.ui.View:
    """What stands under a panel. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    view.add_item(PanelButton("link"))
    view.add_item(PanelButton("unlink"))
    return view
