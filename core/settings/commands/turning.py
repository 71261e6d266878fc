"""The list of a server's settings, page by page.

The buttons that turn the pages are found by their custom id, so they outlive restarts, and each
shows the settings as they are when it is pressed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import discord
from discord.ext import commands

from core.kit.database import Database
from core.kit.discord_ui import kindly, services_of
from core.kit.errors import Refusal
from core.kit.words import _
from core.settings import actions, embeds
from core.settings.commands import places
from core.settings.rules import Declared, room_of

COG = "Settings"
"""The name of the commands, which know every setting."""

_TEMPLATE = r"settings:(?P<way>back|next):(?P<room>[a-z_]*):(?P<number>[0-9]{1,3})"

Way = Literal["back", "next"]
Button = discord.ui.Button[discord.ui.View]


@dataclass(frozen=True)
class Page:
    """A page of the list. `of_pages` is how many there are; `number` counts from 0."""

    room: str
    number: int
    of_pages: int
    embed: discord.Embed


async def turn_to(
    database: Database,
    guild: discord.Guild,
    known: Sequence[Declared],
    room: str = "",
    number: int = 0,
) -> Page:
    """This page of a room's settings, or of all; the last one where there are no more so many."""
    wanted = [one for one in known if room in ("", room_of(one))]
    of_pages = max(1, -(-len(wanted) // embeds.PER_PAGE))
    number = min(max(number, 0), of_pages - 1)
    part = wanted[number * embeds.PER_PAGE :][: embeds.PER_PAGE]
    current = await database.run(actions.list_current, guild.id, part)
    troubles = {one.declared.key: places.trouble(guild, one.declared, one.value) for one in current}
    return Page(room, number, of_pages, embeds.page(current, number, of_pages, troubles))


def turning_buttons(page: Page) -> discord.ui.View | None:
    """Back and Next; None where one page is all. Needs a running event loop."""
    if page.of_pages == 1:
        return None
    view = discord.ui.View(timeout=None)
    last = page.of_pages - 1
    view.add_item(TurningButton("back", page.room, max(0, page.number - 1), page.number == 0))
    view.add_item(TurningButton("next", page.room, min(last, page.number + 1), page.number == last))
    return view


class TurningButton(discord.ui.DynamicItem[Button], template=_TEMPLATE):
    """Shows another page in the place of this one."""

    def __init__(self, way: Way, room: str, number: int, disabled: bool = False) -> None:
        label = "◀ " + _("Back") if way == "back" else _("Next") + " ▶"
        custom_id = f"settings:{way}:{room}:{number}"
        super().__init__(discord.ui.Button(label=label, custom_id=custom_id, disabled=disabled))
        self.room = room
        self.number = number

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "TurningButton":
        return cls(cast("Way", match["way"]), match["room"], int(match["number"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            guild = _guild_of_admin(interaction)
            await interaction.response.defer()
            database = services_of(interaction).database
            page = await turn_to(database, guild, _known_to(interaction), self.room, self.number)
            await interaction.edit_original_response(embed=page.embed, view=turning_buttons(page))


def _guild_of_admin(interaction: discord.Interaction) -> discord.Guild:
    if interaction.guild is None or not interaction.permissions.manage_guild:
        raise Refusal(
            _("These buttons are for moderators."), _("They need the permission Manage Server.")
        )
    return interaction.guild


def _known_to(interaction: discord.Interaction) -> Sequence[Declared]:
    """Which settings there are. A button is made from its id alone; the commands were told."""
    cog = cast("commands.Bot", interaction.client).get_cog(COG)
    return cast("Sequence[Declared]", getattr(cog, "known", ()))
