"""Lists with pages, and the buttons that turn them.

The buttons are found by their custom id, so they outlive restarts, and each shows the list as it is
when it is pressed.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import discord
from discord.ext import commands

from core.kit.discord_ui import kindly
from core.kit.errors import Refusal
from core.kit.words import _

_TEMPLATE = (
    r"settings:(?P<way>back|next):(?P<book>settings|audit_log)"
    r":(?P<chapter>[a-z0-9_]*):(?P<number>[0-9]{1,6})"
)

Way = Literal["back", "next"]
Book = Literal["settings", "audit_log"]
Button = discord.ui.Button[discord.ui.View]


@dataclass(frozen=True)
class Page:
    """A page of a list.

    Attributes:
        book: the list, which is the name of its commands, too.
        chapter: what of the list is wanted, in small letters.
        number: counts from 0.
        is_last: whether nothing follows.
    """

    book: Book
    chapter: str
    number: int
    is_last: bool
    embed: discord.Embed


class Open(Protocol):
    """Commands that show a list."""

    async def open_at(self, guild: discord.Guild, chapter: str, number: int) -> Page:
        """This page as it is now, or the last one where there are no more so many."""


def turning_buttons(page: Page) -> discord.ui.View | None:
    """Back and Next; None where one page is all. Needs a running event loop."""
    is_first = page.number == 0
    if is_first and page.is_last:
        return None
    view = discord.ui.View(timeout=None)
    where = page.book, page.chapter
    view.add_item(TurningButton("back", *where, max(0, page.number - 1), disabled=is_first))
    view.add_item(TurningButton("next", *where, page.number + 1, disabled=page.is_last))
    return view


class TurningButton(discord.ui.DynamicItem[Button], template=_TEMPLATE):
    """Shows another page in the place of this one."""

    def __init__(
        self, way: Way, book: Book, chapter: str, number: int, *, disabled: bool = False
    ) -> None:
        label = "◀ " + _("Back") if way == "back" else _("Next") + " ▶"
        custom_id = f"settings:{way}:{book}:{chapter}:{number}"
        super().__init__(discord.ui.Button(label=label, custom_id=custom_id, disabled=disabled))
        self.book = book
        self.chapter = chapter
        self.number = number

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "TurningButton":
        way, book = cast("Way", match["way"]), cast("Book", match["book"])
        return cls(way, book, match["chapter"], int(match["number"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            guild = _guild_of_admin(interaction)
            await interaction.response.defer()
            book = cast("Open", cast("commands.Bot", interaction.client).get_cog(self.book))
            page = await book.open_at(guild, self.chapter, self.number)
            await interaction.edit_original_response(embed=page.embed, view=turning_buttons(page))


def _guild_of_admin(interaction: discord.Interaction) -> discord.Guild:
    if interaction.guild is None or not interaction.permissions.manage_guild:
        raise Refusal(
            _("These buttons are for moderators."), _("They need the permission Manage Server.")
        )
    return interaction.guild
