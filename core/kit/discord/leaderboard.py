"""The leaderboard of a feature: ranked rows page by page, the asker's own row below, and a menu if
there is more than one, such as for a month.

    BOARD = leaderboard("raffle_board", "raffleboard", load_board)   # in `Feature.paginators`

    await show_leaderboard(ctx, BOARD, size=10)                      # in the command
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import discord
from discord.ext import commands

from core.kit.database.work import Work
from core.kit.discord.errors import handle_errors
from core.kit.discord.paginator import Page, Paginator, Reader, find_paginator, show, turn
from core.kit.discord.ui import card, lines, safe
from core.kit.text.words import _

MAX_ROWS = 25
"""Maximum number of rows on a page."""

MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}

Select = discord.ui.Select[discord.ui.View]


@dataclass(frozen=True, slots=True)
class Query:
    """A request for a page.

    Attributes:
        size: rows of a page.
        page: counted from 1; it may not exist.
        choice: the chosen leaderboard; "" in a command, afterwards the previous
            `Leaderboard.choice`.
    """

    size: int
    page: int
    choice: str


@dataclass(frozen=True, slots=True)
class Row:
    """A viewer on a leaderboard, under their public name, or "" if it is hidden; `value` is what
    they are ranked by, such as `12 h 05 min`.
    """

    rank: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """A page of a leaderboard.

    Attributes:
        own: the asker's row, or the reason why they have none; None if their account is not linked.
        empty: text shown if there are no rows.
        note: the last line.
        choice: key of this leaderboard, in lowercase letters, digits and `_`.
        choices: keys in the menu -> their labels; empty for no menu.
    """

    title: str
    rows: Sequence[Row]
    page: int
    pages: int
    own: Row | str | None
    empty: str
    note: str = ""
    choice: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)


Load = Callable[[Work, Query], Leaderboard]


def leaderboard(name: str, command: str, load: Load) -> Paginator:
    """A paginator of `load(work, query)`; the asker is the actor."""
    return Paginator(name, command, partial(_open, name, load))


async def show_leaderboard(ctx: commands.Context[Any], board: Paginator, *, size: int) -> None:
    await show(ctx, board, f"{size}.")


async def _open(name: str, load: Load, reader: Reader, key: str, number: int) -> Page:
    size, _dot, choice = key.partition(".")
    found = await reader.run_action(load, Query(int(size), number, choice))
    menu = LeaderboardMenu(name, int(size), reader.user_id, found.choice, found.choices)
    below = (menu,) if found.choices else ()
    return Page(render(found), found.page, found.pages, f"{size}.{found.choice}", below)


def render(found: Leaderboard) -> discord.Embed:
    """The rows with medals, then the asker's own row and the note."""
    rows = [_line(row) for row in found.rows]
    below = ["", _own_line(found.own)]
    if found.note:
        below.append(f"-# {found.note}")
    text = "\n".join([lines(rows, limit=3700) or found.empty, *below])
    return card(f"🏆 {found.title}", text, tone="kick")


def _own_line(own: Row | str | None) -> str:
    if own is None:
        return "-# " + _("Link your account with `/link` to see your own rank here.")
    text = own if isinstance(own, str) else _line(own)
    return "👉 " + _("You: {text}").format(text=text)


def _line(row: Row) -> str:
    name = f" **{safe(row.name, 40)}**" if row.name else ""
    return f"{rank_mark(row.rank)}{name} · {row.value}"


def rank_mark(rank: int) -> str:
    """A medal for the first three, else `#4`."""
    return MEDALS.get(rank, f"`#{rank:,}`")


class LeaderboardMenu(
    discord.ui.DynamicItem[Select],
    template=r"leaderboard:(?P<name>[a-z_]{1,20}):(?P<size>[0-9]{1,2}):(?P<owner>[0-9]{1,20})",
):
    """Menu to choose which leaderboard of this name is shown."""

    def __init__(
        self,
        name: str,
        size: int,
        owner_id: int,
        choice: str = "",
        choices: Mapping[str, str] | None = None,
    ) -> None:
        options = [
            discord.SelectOption(label=label, value=value, default=value == choice)
            for value, label in (choices or {}).items()
        ]
        custom_id = f"leaderboard:{name}:{size}:{owner_id}"
        super().__init__(discord.ui.Select(custom_id=custom_id, options=options, row=1))
        self.name, self.size, self.owner_id = name, size, owner_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "LeaderboardMenu":
        return cls(match["name"], int(match["size"]), int(match["owner"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            board = find_paginator(interaction, self.name)
            key = f"{self.size}.{self.item.values[0]}"
            await turn(interaction, board, key, 1, self.owner_id)
