"""Lists with pages, and the buttons that turn them.

A feature declares each list as a `Paginator` in its `feature.py`. The custom id of a button says
which page it opens, so buttons keep working after a restart, and every press loads the page again.
The member who requested the list turns the pages of the message; others get a private copy.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import discord
import structlog
from discord.ext import commands

from core.kit.database.work import Work
from core.kit.discord import ui
from core.kit.discord.access import (
    granted_groups,
    group_of_command,
    lacking_for,
    missing_for,
)
from core.kit.discord.errors import gone, handle_errors
from core.kit.services import Services
from core.kit.text.words import _

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger(__name__)

Item = discord.ui.Item[Any]
Source = discord.Interaction | commands.Context[Any]


def nearest_page(number: int, rows: int, per_page: int) -> tuple[int, int]:
    """The nearest existing page, from 1, and the number of pages: at least one, which is empty if
    there are no rows.
    """
    pages = max(1, -(-rows // per_page))
    return min(max(1, number), pages), pages


@dataclass(frozen=True, slots=True)
class Reader:
    """The person who opens a page.

    Attributes:
        groups: their command groups; None for admins.
    """

    services: Services
    guild: discord.Guild
    user_id: int
    is_admin: bool
    groups: frozenset[str] | None = None

    async def run_action(
        self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `action(work, ...)` in the guild, and on behalf of the reader."""

        def on_behalf(work: Work) -> T:
            if (groups := self.groups) is not None:
                work.limit_to(lambda _tx: groups)
            return action(work, *args, **kwargs)

        return await self.services.run_as(self.user_id, self.guild.id, on_behalf)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list.

    Attributes:
        number: page number, from 1.
        pages: number of pages.
        key: the subject of the list, in lowercase letters, digits, `_` and `.`; passed on by the
            buttons.
        below: items below the buttons that turn the page.
    """

    embed: discord.Embed
    number: int = 1
    pages: int = 1
    key: str = ""
    below: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Paginator:
    """A list of a feature.

    Attributes:
        name: unique among the paginators of all features.
        command: the command that shows it; also checked when a page is turned.
        open: `open(reader, key, number)`: this page, or the nearest one that exists. Raises Refusal
            if this reader may not see it.
    """

    name: str
    command: str
    open: Callable[[Reader, str, int], Awaitable[Page]]


async def show(ctx: commands.Context[Any], paginator: Paginator, key: str = "") -> None:
    """Answer a command with the first page."""
    reader = await _reader(ctx, paginator)
    page = await paginator.open(reader, key, 1)
    await ui.answer(ctx, page.embed, page_view(paginator, page, reader.user_id))


async def turn(
    interaction: discord.Interaction, paginator: Paginator, key: str, number: int, owner_id: int
) -> None:
    """Replace the owner's page, or show others a private copy."""
    await interaction.response.defer(ephemeral=True, thinking=interaction.user.id != owner_id)
    command = _command(interaction, paginator)
    if missing := await missing_for(interaction, command):
        raise lacking_for(command, missing)
    reader = await _reader(interaction, paginator)
    try:
        page = await paginator.open(reader, key, number)
    except (ValueError, LookupError) as error:  # the key does not exist
        _log.info("Page of a list not found", name=paginator.name, reason=repr(error))
        raise gone() from error
    view = page_view(paginator, page, reader.user_id)
    await interaction.edit_original_response(embed=page.embed, view=view)


def find_paginator(interaction: discord.Interaction, name: str) -> Paginator:
    """Raises Refusal for a list that no longer exists."""
    found: Paginator | None = getattr(interaction.client, "paginators", {}).get(name)
    if found is None:
        raise gone()
    return found


async def _reader(source: Source, paginator: Paginator) -> Reader:
    assert source.guild is not None, "paginators are used in servers only"
    user = source.user if isinstance(source, discord.Interaction) else source.author
    group = group_of_command(_command(source, paginator))
    groups = None if source.permissions.manage_guild else await granted_groups(source)
    is_admin = groups is None or group in groups
    return Reader(ui.services_of(source), source.guild, user.id, is_admin, groups)


def _command(source: Source, paginator: Paginator) -> commands.Command[Any, ..., Any]:
    bot = source.client if isinstance(source, discord.Interaction) else source.bot
    command = cast("commands.Bot", bot).get_command(paginator.command)
    assert command is not None, "every paginator has a command"
    return command


def page_view(paginator: Paginator, page: Page, owner_id: int) -> discord.ui.View | None:
    """The buttons that turn the page and the items below; None if there are none. Needs a running
    event loop."""
    turning = _page_buttons(paginator, page, owner_id) if page.pages > 1 else []
    items = [*turning, *page.below]
    return ui.view_of(*items) if items else None


def _page_buttons(paginator: Paginator, page: Page, owner_id: int) -> list[Item]:
    def to(number: int, label: str) -> Item:
        button = PageButton(paginator.name, page.key, number, owner_id, label)
        button.item.disabled = not 1 <= number <= page.pages
        return button

    label = f"{page.number:,}/{page.pages:,}"
    return [
        to(page.number - 1, _("Previous")),
        discord.ui.Button(label=label, custom_id="page:label", disabled=True),
        to(page.number + 1, _("Next")),
    ]


class PageButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=(
        r"page:(?P<name>[a-z_]{1,20}):(?P<key>[a-z0-9_.]{0,50})"
        r":(?P<number>[0-9]{1,6}):(?P<owner_id>[0-9]{1,20})"
    ),
):
    """Opens a page of the paginator with this name."""

    def __init__(self, name: str, key: str, number: int, owner_id: int, label: str = "?") -> None:
        custom_id = f"page:{name}:{key}:{number}:{owner_id}"
        super().__init__(discord.ui.Button(label=label, custom_id=custom_id))
        self.name, self.target = name, (key, number, owner_id)

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: Item, match: re.Match[str]
    ) -> "PageButton":
        return cls(match["name"], match["key"], int(match["number"]), int(match["owner_id"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            await turn(interaction, find_paginator(interaction, self.name), *self.target)


def link_to(label: str, name: str, key: str = "") -> PageButton:
    """Opens the first page of another list, as a private copy for the member who presses it."""
    return PageButton(name, key, 1, 0, label)
