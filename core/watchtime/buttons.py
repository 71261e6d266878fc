"""The pages of the leaderboard and of the history. They are found by their custom ids, which say
all there is to know, so they outlive restarts."""

import re
from collections.abc import Iterable
from typing import Any, cast

import discord

from core.kit.discord_ui import SILENT, kindly, private_word, refusal_card, services_of
from core.kit.errors import Refusal
from core.kit.words import _
from core.watchtime import embeds, looks
from core.watchtime.looks import Board, History
from core.watchtime.rules import Period

_PERIOD = r"(?P<period>all|month|week)"
_NUMBERS = r"(?P<size>[0-9]{1,2}):(?P<page>[0-9]{1,4}):(?P<owner>[0-9]{1,20})"

Button = discord.ui.Button[discord.ui.View]
Select = discord.ui.Select[discord.ui.View]


def board_view(board: Board, owner_id: int) -> discord.ui.View:
    """Back, which page it is, on, and which period. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    for way in ("back", "on"):
        view.add_item(TurnBoard(way, board.period, board.size, board.page, owner_id, board.pages))
        if way == "back":
            view.add_item(_page_label(board.page, board.pages))
    view.add_item(ChoosePeriod(board.size, owner_id, board.period))
    return view


def _page_label(page: int, pages: int) -> Button:
    return discord.ui.Button(
        label=f"{page:,}/{pages:,}", disabled=True, custom_id="watchtime:page", row=0
    )


def _turn_button(way: str, page: int, pages: int | None, custom_id: str) -> Button:
    label = _("Previous") if way == "back" else _("Next")
    ends = page <= 1 if way == "back" else pages is not None and page >= pages
    return discord.ui.Button(label=label, custom_id=custom_id, disabled=ends, row=0)


def _turned(page: int, way: str) -> int:
    return page - 1 if way == "back" else page + 1


async def _show_board(
    interaction: discord.Interaction, owner_id: int, period: Period, size: int, page: int
) -> None:
    """On the same message for whoever asked for it, else as a copy for the eyes of one."""
    services, own = services_of(interaction), interaction.user.id == owner_id
    await interaction.response.defer(ephemeral=True, thinking=not own)
    board = await services.database.run(
        looks.leaderboard,
        interaction.guild_id or 0,
        interaction.user.id,
        services.clock(),
        period=period,
        size=size,
        page=page,
    )
    embed, view = embeds.leaderboard(board), board_view(board, interaction.user.id)
    await interaction.edit_original_response(embed=embed, view=view, allowed_mentions=SILENT)


class TurnBoard(
    discord.ui.DynamicItem[Button],
    template=rf"watchtime:board:(?P<way>back|on):{_PERIOD}:{_NUMBERS}",
):
    """One page back or on."""

    def __init__(
        self,
        way: str,
        period: Period,
        size: int,
        page: int,
        owner_id: int,
        pages: int | None = None,
    ) -> None:
        custom_id = f"watchtime:board:{way}:{period}:{size}:{page}:{owner_id}"
        super().__init__(_turn_button(way, page, pages, custom_id))
        self.way, self.period, self.size, self.page = way, period, size, page
        self.owner_id = owner_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "TurnBoard":
        period = cast("Period", match["period"])
        return cls(
            match["way"], period, int(match["size"]), int(match["page"]), int(match["owner"])
        )

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            page = _turned(self.page, self.way)
            await _show_board(interaction, self.owner_id, self.period, self.size, page)


class ChoosePeriod(
    discord.ui.DynamicItem[Select],
    template=r"watchtime:period:(?P<size>[0-9]{1,2}):(?P<owner>[0-9]{1,20})",
):
    """All time, this month, this week."""

    def __init__(self, size: int, owner_id: int, period: Period = "all") -> None:
        options = [
            discord.SelectOption(label=name, value=value, default=value == period)
            for value, name in embeds.period_names().items()
        ]
        custom_id = f"watchtime:period:{size}:{owner_id}"
        super().__init__(discord.ui.Select(custom_id=custom_id, options=options, row=1))
        self.size, self.owner_id = size, owner_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "ChoosePeriod":
        return cls(int(match["size"]), int(match["owner"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            offered: Iterable[Period] = embeds.period_names()
            chosen = next(period for period in offered if period in self.item.values)
            await _show_board(interaction, self.owner_id, chosen, self.size, 1)


# -- the history ----------------------------------------------------------------------------------


def history_view(found: History, owner_id: int) -> discord.ui.View | None:
    """Back, which page it is, on; None where there is one page. Needs a running event loop."""
    if found.pages == 1:
        return None
    view = discord.ui.View(timeout=None)
    for way in ("back", "on"):
        view.add_item(TurnHistory(way, found.viewer.viewer_id, found.page, owner_id, found.pages))
        if way == "back":
            view.add_item(_page_label(found.page, found.pages))
    return view


class TurnHistory(
    discord.ui.DynamicItem[Button],
    template=r"watchtime:history:(?P<way>back|on):(?P<viewer>[0-9]{1,19})"
    r":(?P<page>[0-9]{1,6}):(?P<owner>[0-9]{1,20})",
):
    """One page back or on; for whoever asked, while they may still see it."""

    def __init__(
        self, way: str, viewer_id: int, page: int, owner_id: int, pages: int | None = None
    ) -> None:
        custom_id = f"watchtime:history:{way}:{viewer_id}:{page}:{owner_id}"
        super().__init__(_turn_button(way, page, pages, custom_id))
        self.way, self.viewer_id, self.page, self.owner_id = way, viewer_id, page, owner_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "TurnHistory":
        viewer_id, page, owner_id = int(match["viewer"]), int(match["page"]), int(match["owner"])
        return cls(match["way"], viewer_id, page, owner_id)

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if interaction.user.id == self.owner_id:
            return True
        refusal = Refusal(_("This answer belongs to somebody else"), _("Use `/watchhistory`."))
        await private_word(interaction, refusal_card(refusal))
        return False

    async def callback(self, interaction: discord.Interaction) -> None:
        services = services_of(interaction)
        async with kindly(interaction):
            await interaction.response.defer()
            found = await services.database.run(
                looks.turn_history,
                interaction.guild_id or 0,
                self.viewer_id,
                interaction.user.id,
                _turned(self.page, self.way),
                is_admin=interaction.permissions.manage_guild,
            )
            embed, view = embeds.history(found), history_view(found, self.owner_id)
            await interaction.edit_original_response(
                embed=embed, view=view, allowed_mentions=SILENT
            )
