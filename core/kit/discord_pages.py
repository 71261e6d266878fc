"""Lists with pages, and the buttons that turn them.

A feature declares each list as a `Book` in its `feature.py`. The buttons are found by their custom
id, which says all there is to know, so they outlive restarts; each press opens the page anew, so it
never shows what is over. Whoever asked turns the page in its place, anybody else a copy of their
own.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import discord
from discord.ext import commands

from core.kit import discord_ui as ui
from core.kit.discord_access import for_moderators, may_manage, missing_for
from core.kit.services import Services
from core.kit.words import _

_TEMPLATE = (
    r"page:(?P<book>[a-z_]{1,20}):(?P<chapter>[a-z0-9_.]{0,50})"
    r":(?P<number>[0-9]{1,6}):(?P<owner>[0-9]{1,20})"
)

Item = discord.ui.Item[Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a page is opened."""

    services: Services
    guild: discord.Guild
    user_id: int
    is_admin: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list.

    Attributes:
        number: which, counted from 1.
        pages: how many there are.
        chapter: what of the list is shown, in small letters, digits, `_` and `.`; the buttons give
            it back.
        below: what stands under the buttons that turn it.
    """

    embed: discord.Embed
    number: int
    pages: int
    chapter: str = ""
    below: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Book:
    """A list of a feature.

    Attributes:
        name: its own among all features' books.
        command: what shows it; whoever may not use that may not turn its pages either.
        open: `open(reader, chapter, number)`: the page as it is now, or the nearest one that is
            there. Raises Refusal where it is not for this reader.
    """

    name: str
    command: str
    open: Callable[[Reader, str, int], Awaitable[Page]]


async def show(ctx: commands.Context[Any], book: Book, chapter: str = "") -> None:
    """Answer a command with the first page."""
    reader = await _reader(ctx, book)
    page = await book.open(reader, chapter, 1)
    await ui.answer(ctx, page.embed, page_view(book, page, reader.user_id))


async def turn(
    interaction: discord.Interaction, book: Book, chapter: str, number: int, owner_id: int
) -> None:
    """Show a page in the place of the one that was asked for, or to others as a private copy."""
    await interaction.response.defer(ephemeral=True, thinking=interaction.user.id != owner_id)
    await _require_permissions(interaction, book)
    reader = await _reader(interaction, book)
    page = await book.open(reader, chapter, number)
    view = page_view(book, page, reader.user_id)
    await interaction.edit_original_response(embed=page.embed, view=view)


async def _reader(told: discord.Interaction | commands.Context[Any], book: Book) -> Reader:
    assert told.guild is not None, "books are opened in servers only"
    who = told.user if isinstance(told, discord.Interaction) else told.author
    is_admin = await may_manage(told, _command(told, book).callback.__module__)
    return Reader(ui.services_of(told), told.guild, who.id, is_admin)


def _command(
    told: discord.Interaction | commands.Context[Any], book: Book
) -> commands.Command[Any, ..., Any]:
    bot = told.client if isinstance(told, discord.Interaction) else told.bot
    command = cast("commands.Bot", bot).get_command(book.command)
    assert command is not None, "every book has a command"
    return command


async def _require_permissions(interaction: discord.Interaction, book: Book) -> None:
    command = _command(interaction, book)
    if missing := await missing_for(interaction, command):
        raise for_moderators(ui.permission_names(missing), command.callback.__module__)


def page_view(book: Book, page: Page, owner_id: int) -> discord.ui.View | None:
    """Back, which page it is, on, and what stands below; None where there is nothing of it. Needs
    a running event loop."""
    view = discord.ui.View(timeout=None)
    if page.pages > 1:
        for item in _turning_items(book, page, owner_id):
            view.add_item(item)
    for item in page.below:
        view.add_item(item)
    return view if view.children else None


def _turning_items(book: Book, page: Page, owner_id: int) -> list[Item]:
    back, on = page.number - 1, page.number + 1
    label = f"{page.number:,}/{page.pages:,}"
    return [
        PageButton(_("Previous"), book.name, page.chapter, back, owner_id, there=back >= 1),
        discord.ui.Button(label=label, custom_id="page:label", disabled=True),
        PageButton(_("Next"), book.name, page.chapter, on, owner_id, there=on <= page.pages),
    ]


class PageButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_TEMPLATE):
    """Turns to the page of this number."""

    def __init__(
        self, label: str, book: str, chapter: str, number: int, owner_id: int, *, there: bool = True
    ) -> None:
        custom_id = f"page:{book}:{chapter}:{number}:{owner_id}"
        super().__init__(discord.ui.Button(label=label, custom_id=custom_id, disabled=not there))
        self.target = chapter, number, owner_id
        self.book = book

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "PageButton":
        book, chapter, number, owner = match.groups()
        return cls("?", book, chapter, int(number), int(owner))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with ui.kindly(interaction):
            await turn(interaction, ui.services_of(interaction).books[self.book], *self.target)
