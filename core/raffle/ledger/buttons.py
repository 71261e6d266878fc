"""The pages of `/why`, and the choice of a gift to take back. They are found by their custom ids,
so they outlive restarts."""

import re
from typing import Any

import discord

from core.kit.discord_ui import SILENT, kindly, private_word, refusal_card, services_of
from core.kit.errors import Refusal
from core.kit.words import _, plural
from core.raffle.ledger import embeds, looks, voiding
from core.raffle.ledger.looks import Why
from core.raffle.ledger.voiding import Given

Button = discord.ui.Button[discord.ui.View]
Select = discord.ui.Select[discord.ui.View]


def why_view(found: Why, owner_id: int) -> discord.ui.View | None:
    """Back and on; None where there is one page. Needs a running event loop."""
    if found.pages == 1:
        return None
    view = discord.ui.View(timeout=None)
    for way, page in (("back", found.page - 1), ("on", found.page + 1)):
        there = 1 <= page <= found.pages
        where = (found.viewer.viewer_id, found.number, max(page, 0), owner_id)
        view.add_item(TurnWhy(way, *where, there=there))
    return view


class TurnWhy(
    discord.ui.DynamicItem[Button],
    template=r"raffle:why:(?P<way>back|on):(?P<viewer>[0-9]{1,19}):(?P<number>[0-9]{1,9})"
    r":(?P<page>[0-9]{1,6}):(?P<owner>[0-9]{1,20})",
):
    """To a page; for whoever asked, while they may still see it."""

    def __init__(
        self, way: str, viewer_id: int, number: int, page: int, owner_id: int, *, there: bool = True
    ) -> None:
        super().__init__(
            discord.ui.Button(
                label=_("Newer") if way == "back" else _("Older"),
                custom_id=f"raffle:why:{way}:{viewer_id}:{number}:{page}:{owner_id}",
                disabled=not there,
            )
        )
        self.viewer_id, self.number, self.page, self.owner_id = viewer_id, number, page, owner_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "TurnWhy":
        numbers = (int(match[name]) for name in ("viewer", "number", "page", "owner"))
        return cls(match["way"], *numbers)

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if interaction.user.id == self.owner_id:
            return True
        refusal = Refusal(_("This answer belongs to somebody else"), _("Use `/why`."))
        await private_word(interaction, refusal_card(refusal))
        return False

    async def callback(self, interaction: discord.Interaction) -> None:
        services = services_of(interaction)
        async with kindly(interaction):
            await interaction.response.defer()
            found = await services.database.run(
                looks.turn_why,
                interaction.guild_id or 0,
                self.viewer_id,
                interaction.user.id,
                self.number,
                self.page,
                services.clock(),
                is_admin=interaction.permissions.manage_guild,
            )
            await interaction.edit_original_response(
                embed=embeds.why(found),
                view=why_view(found, self.owner_id),
                allowed_mentions=SILENT,
            )


def void_view(given: Given) -> discord.ui.View | None:
    """What can be taken back; None where nothing can. Needs a running event loop."""
    options = [
        discord.SelectOption(
            label=plural("{count} gifted sub", "{count} gifted subs", drop.gifts),
            value=drop.drop,
            description=f"{drop.at:%Y-%m-%d %H:%M:%S} UTC · "
            + plural("{count} ticket", "{count} tickets", drop.tickets),
        )
        for drop in given.drops
        if drop.gifts > 0
    ]
    if not options:
        return None
    view = discord.ui.View(timeout=None)
    view.add_item(VoidChoice(options))
    return view


class VoidChoice(discord.ui.DynamicItem[Select], template=r"raffle:void"):
    """An admin chooses the gift that was not paid for."""

    def __init__(self, options: list[discord.SelectOption] | None = None) -> None:
        super().__init__(
            discord.ui.Select(
                custom_id="raffle:void",
                placeholder=_("Take back …"),
                options=options or [discord.SelectOption(label="?")],
            )
        )

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], _match: re.Match[str]
    ) -> "VoidChoice":
        return cls()

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if interaction.permissions.manage_guild:
            return True
        refusal = Refusal(_("This is for admins."), _("It needs the permission Manage Server."))
        await private_word(interaction, refusal_card(refusal))
        return False

    async def callback(self, interaction: discord.Interaction) -> None:
        services = services_of(interaction)
        async with kindly(interaction):
            chosen = self.item.values[0]
            await interaction.response.defer(ephemeral=True, thinking=True)
            done = await services.database.run(
                voiding.void_drop,
                interaction.guild_id or 0,
                chosen,
                interaction.user.id,
                services.clock(),
            )
            await private_word(interaction, embeds.voided(done))
