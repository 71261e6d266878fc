"""The leaderboard and the history, page by page, and which period the leaderboard shows. The choice
is found by its custom id, which says all there is to know, so it outlives restarts."""

import re
from typing import Any, cast

import discord

from core.kit.discord_ui import kindly
from core.kit.paginator import Page, Paginator, Reader, turn
from core.watchtime import embeds, looks
from core.watchtime.rules import Period

Select = discord.ui.Select[discord.ui.View]


async def _open_leaderboard(reader: Reader, key: str, number: int) -> Page:
    """The key is a period and how many places a page has."""
    period, size = key.split(".")
    board = await reader.services.database.run(
        looks.leaderboard,
        reader.guild.id,
        reader.user_id,
        reader.services.clock(),
        period=cast("Period", period),
        size=int(size),
        page=number,
    )
    choice = ChoosePeriod(board.size, reader.user_id, board.period)
    return Page(embeds.leaderboard(board), board.page, board.pages, key, (choice,))


async def _open_history(reader: Reader, key: str, number: int) -> Page:
    """The key is a viewer."""
    found = await reader.services.database.run(
        looks.history_of,
        reader.guild.id,
        int(key),
        reader.user_id,
        number,
        is_admin=reader.is_admin,
    )
    return Page(embeds.history(found), found.page, found.pages, key)


LEADERBOARD = Paginator("leaderboard", "leaderboard", _open_leaderboard)
HISTORY = Paginator("watch_history", "watchhistory", _open_history)


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
            key = f"{self.item.values[0]}.{self.size}"
            await turn(interaction, LEADERBOARD, key, 1, self.owner_id)
