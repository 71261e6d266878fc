"""Turning the pages of the preview and of a role's members. Each press looks anew, so that the
buttons outlive restarts and never show what is over."""

import re
from dataclasses import dataclass
from typing import Any

import discord

from core.kit.discord_ui import kindly, refusal_card, services_of
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.roles import actions, embeds, holdings, store, updates
from core.roles.embeds import pages_of
from core.roles.holdings import Holder
from core.roles.snapshot import see

_TEMPLATE = r"roles:(?P<what>preview|[0-9]{1,20}):(?P<page>[0-9]{1,6}):(?P<go>back|on)"


@dataclass(frozen=True, slots=True)
class Shown:
    """A page: of what (`preview`, or the id of a role), which, and how many there are."""

    embed: discord.Embed
    what: str
    page: int
    pages: int


async def show_preview(services: Services, guild: discord.Guild, page: int = 0) -> Shown:
    """A page of what would change now."""
    role_ids = await services.database.run(store.list_role_ids, guild.id)
    seen = await see(guild, role_ids)
    plan = await services.database.run(updates.preview, guild.id, seen, services.clock())
    pages = pages_of(sum(step.asks for step in plan.steps))
    page = min(page, pages - 1)
    return Shown(embeds.preview(plan, page), "preview", page, pages)


async def show_members(services: Services, guild: discord.Guild, role: str, page: int = 0) -> Shown:
    """A page of who has a role."""
    reward = await services.database.run(actions.get_reward, guild.id, role)
    known = await services.database.run(holdings.list_holders, guild.id, reward.role_id)
    seen = await see(guild, [reward.role_id])
    having = {who for who, held in seen.held.items() if held}
    rows = [one for one in known if one.discord_id in having or one.state == "giving"]
    strangers = having - {one.discord_id for one in rows}
    rows += [Holder(who, "found", None) for who in sorted(strangers)]
    pages = pages_of(len(rows))
    page = min(page, pages - 1)
    return Shown(embeds.members(reward, rows, page), str(reward.role_id), page, pages)


def page_buttons(shown: Shown) -> discord.ui.View | None:
    """Back and on, where there is more than one page. Needs a running event loop."""
    if shown.pages < 2:
        return None
    view = discord.ui.View(timeout=None)
    last = shown.pages - 1
    view.add_item(PageButton(shown.what, max(shown.page - 1, 0), "back", off=shown.page == 0))
    view.add_item(PageButton(shown.what, shown.page + 1, "on", off=shown.page == last))
    return view


class PageButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_TEMPLATE):
    """Shows this page of the preview, or of the members of the role with this id."""

    def __init__(self, what: str, page: int, go: str, *, off: bool = False) -> None:
        label = _("Previous") if go == "back" else _("Next")
        super().__init__(
            discord.ui.Button(label=label, custom_id=f"roles:{what}:{page}:{go}", disabled=off)
        )
        self.what = what
        self.page = page

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "PageButton":
        return cls(match["what"], int(match["page"]), match["go"])

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if interaction.permissions.manage_guild:
            return True
        refusal = Refusal(_("These pages are for admins."), _("They need Manage Server."))
        await interaction.response.send_message(embed=refusal_card(refusal), ephemeral=True)
        return False

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            await interaction.response.defer()
            services, guild = services_of(interaction), interaction.guild
            assert guild is not None, "the buttons stand in servers only"
            if self.what == "preview":
                shown = await show_preview(services, guild, self.page)
            else:
                shown = await show_members(services, guild, self.what, self.page)
            await interaction.edit_original_response(embed=shown.embed, view=page_buttons(shown))
