"""The pages of `/why`, and the choice of a gift to take back. They are found by their custom ids,
so they outlive restarts."""

import re
from typing import Any

import discord

from core.kit.discord_pages import Book, Page, Reader
from core.kit.discord_ui import is_admin, kindly, private_word, services_of
from core.kit.words import _, plural
from core.raffle.ledger import embeds, looks, voiding
from core.raffle.ledger.voiding import Given

Select = discord.ui.Select[discord.ui.View]


async def _open_why(reader: Reader, chapter: str, number: int) -> Page:
    """A chapter is a viewer, and on later pages the number of the raffle."""
    viewer_id, _dot, raffle = chapter.partition(".")
    found = await reader.services.database.run(
        looks.why,
        reader.guild.id,
        int(viewer_id),
        reader.user_id,
        int(raffle) if raffle else None,
        number,
        reader.services.clock(),
        is_admin=reader.is_admin,
    )
    chapter = f"{viewer_id}.{found.number}"
    return Page(embeds.why(found), found.page, found.pages, chapter)


WHY = Book("why", "why", _open_why)


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
        return await is_admin(interaction)

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
