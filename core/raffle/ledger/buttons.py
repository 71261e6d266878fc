"""The buttons of `/tickets`, `/why` and `/raffleboard`, and the choice of a gift to take back. All
are found by their custom ids, so they outlive restarts."""

import re
from typing import Any

import discord
from sqlalchemy import Connection

from core.kit.discord_access import is_admin
from core.kit.discord_ui import kindly, private_word, services_of
from core.kit.leaderboard import Leaderboard, Query, leaderboard
from core.kit.paginator import Page, Paginator, Reader, link_to
from core.kit.words import _, plural
from core.kit.work import Work
from core.people import store as people
from core.people.linking.buttons import StartButton
from core.raffle.ledger import embeds, looks, voiding
from core.raffle.ledger.voiding import Given

Select = discord.ui.Select[discord.ui.View]


async def _open_why(reader: Reader, key: str, number: int) -> Page:
    """The key is a viewer, and on later pages the number of the raffle."""
    viewer_id, _dot, raffle = key.partition(".")
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
    key = f"{viewer_id}.{found.number}"
    return Page(embeds.why(found), found.page, found.pages, key)


def _load_board(work: Work, query: Query) -> Leaderboard:
    """The choice is the number of the raffle, so that later pages stay with the first one's."""
    number = int(query.choice) if query.choice else None
    return embeds.board(
        looks.board(work.tx, work.guild_id, work.actor, query.size, number, query.page, work.now)
    )


async def _open_tickets(reader: Reader, key: str, _number: int) -> Page:
    """The key is a viewer; without one it is whoever looks."""
    found = await reader.services.database.run(_stand, reader, int(key) if key else None)
    if found is None:
        return Page(embeds.not_linked(), 1, 1, below=(StartButton(),))
    below = (link_to(_("How to earn"), "raffle_info"), link_to(_("Board"), "raffle_board", "10."))
    return Page(embeds.standing(found), 1, 1, key, below)


def _stand(tx: Connection, reader: Reader, viewer_id: int | None) -> looks.Standing | None:
    guild_id = reader.guild.id
    if viewer_id is None:
        link = people.find_link(tx, guild_id, reader.user_id)
        viewer_id = link.viewer_id if link else None
    if viewer_id is None:
        return None
    looks.require_own(tx, guild_id, viewer_id, reader.user_id, is_admin=reader.is_admin)
    viewer = people.get_viewer(tx, guild_id, viewer_id)
    return looks.standing(tx, guild_id, viewer, reader.services.clock())


WHY = Paginator("why", "why", _open_why)
BOARD = leaderboard("raffle_board", "raffleboard", _load_board)
TICKETS = Paginator("raffle_tickets", "tickets", _open_tickets)
BOOKS = (WHY, BOARD, TICKETS)


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
        return await is_admin(interaction, __name__)

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
