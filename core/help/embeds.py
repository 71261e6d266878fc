"""How help looks. Pure: described commands in, embeds out."""

from collections.abc import Iterable, Mapping
from typing import Any

import discord

from core.kit import discord_ui as ui
from core.kit.words import _

Described = Mapping[str, Any]

MOST_IN_A_FIELD = 1024
MOST_IN_A_CARD = 5500
"""Discord takes 6,000 letters with the titles."""


def overview(here: Iterable[Described], there: Iterable[Described], *, more: bool) -> discord.Embed:
    """What everybody can do, in Discord and in the stream's chat."""
    embed = ui.card("👋 " + _("What I can do for you"))
    if more:
        embed.set_footer(text=_("The menu below shows each topic with all you may do there."))
    _fill(embed, _("Here in Discord"), [_line(command["slash"], command) for command in here])
    _fill(
        embed,
        _("In the stream's chat"),
        [_line(command["usage"], command) for command in there],
    )
    return embed


def topic(name: str, about: Iterable[Described]) -> discord.Embed:
    """Everything that one may do about one topic."""
    rows = [_line(command["slash"], command, command["who"]) for command in about]
    return ui.card("👋 " + name, ui.lines(rows))


def _line(typed: str, command: Described, who: str = "everyone") -> str:
    key = "" if who == "everyone" else "🔧 "
    return f"{key}`{typed}` {command['help']}"


def _fill(embed: discord.Embed, title: str, rows: list[str]) -> None:
    for index, part in enumerate(ui.pages(rows, limit=MOST_IN_A_FIELD)):
        if len(embed) + len(part) + len(title) > MOST_IN_A_CARD:
            embed.set_footer(text=_("There is more: choose a topic below."))
            return
        embed.add_field(name=title if index == 0 else "\u200b", value=part, inline=False)
