"""The embeds of `/help`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import discord

from core.kit.discord import ui
from core.kit.text.words import _, package_title

Described = Mapping[str, Any]

MAX_FIELD_CHARACTERS = 1024


@dataclass
class Section:
    """The commands of a feature for viewers, in Discord (`here`) and in the stream's chat, the most
    useful one first."""

    here: list[Described] = field(default_factory=list)
    chat: list[Described] = field(default_factory=list)


def overview(sections: Mapping[str, Section], moderated: Sequence[str]) -> discord.Embed:
    """The commands for everybody, by group, and the topics that this person may moderate."""
    embed = ui.card(
        "👋 " + _("What I can do for you"),
        _("Choose a topic below, or look up a command with `/help <command>`."),
    )
    headings = {
        "people": "🔗 " + _("Get started"),
        "wagers": "🔗 " + _("Get started"),
        "watchtime": "⏱️ " + _("Watchtime"),
        "raffle": "🎟️ " + _("Raffle"),
        "slot_calls": "🎰 " + _("Requests"),
        "bonus_hunt": "🧺 " + _("Bonus hunts"),
        "privacy": "🔒 " + _("Your data"),
    }
    grouped: dict[str, Section] = {heading: Section() for heading in headings.values()}
    for group, section in sections.items():
        target = grouped.setdefault(headings.get(group, package_title(group)), Section())
        target.here += section.here
        target.chat += section.chat
    for heading, section in grouped.items():
        if section.here or section.chat:
            embed.add_field(name=heading, value=_section(section), inline=False)
    if moderated:
        names = ", ".join(moderated)
        embed.add_field(name="🔧 " + _("For moderators"), value=names, inline=False)
    return embed


def _section(section: Section) -> str:
    """The first command with its help, and the names of the others."""
    rows = []
    if section.here:
        first, *others = section.here
        rows.append(f"`{first['slash']}` {first['help']}")
        if others:
            rows.append(_("Also: {names}").format(names=_names(others, "slash")))
    if section.here and section.chat:
        rows.append(_("In the stream's chat: {names}").format(names=_names(section.chat, "usage")))
    elif section.chat:
        first, *others = section.chat
        rows.append(_("In the stream's chat:") + f" `{first['usage']}` {first['help']}")
        if others:
            rows.append(_("Also: {names}").format(names=_names(others, "usage")))
    return ui.shortened("\n".join(rows), MAX_FIELD_CHARACTERS)


def _names(about: Iterable[Described], key: str) -> str:
    return " · ".join(f"`{command[key]}`" for command in about)


def topic(name: str, about: Iterable[Described]) -> discord.Embed:
    """All commands of one topic that this person may use, those for everyone first."""
    about = sorted(about, key=lambda described: described["who"] != "everyone")
    rows = [_line(command) for command in about]
    embed = ui.card("👋 " + name, ui.lines(rows))
    if any(described["who"] != "everyone" for described in about):
        embed.set_footer(text=_("🔧 for moderators"))
    return embed


def _line(command: Described) -> str:
    key = "" if command["who"] == "everyone" else "🔧 "
    return f"{key}`{command['slash']}` {command['help']}"


def command(
    about: Described, arguments: Mapping[str, str], subcommands: Sequence[Described]
) -> discord.Embed:
    """Help, usage, arguments and permissions of a command."""
    embed = ui.card(f"👋 {about['slash']}", about["help"])
    typed = f"`{about['usage']}`"
    embed.add_field(name=_("Usage"), value=typed, inline=False)
    required = {argument["name"] for argument in about["arguments"] if argument["required"]}
    rows = [
        f"`{name}` {what}" + ("" if name in required else " " + _("(optional)"))
        for name, what in arguments.items()
    ]
    if rows:
        embed.add_field(
            name=_("Arguments"), value=ui.lines(rows, MAX_FIELD_CHARACTERS), inline=False
        )
    if subcommands:
        value = ui.lines([_line(subcommand) for subcommand in subcommands], MAX_FIELD_CHARACTERS)
        embed.add_field(name=_("Subcommands"), value=value, inline=False)
    who = _("Everyone")
    if about["who"] != "everyone":
        who = _("Members with the permission {needed}").format(needed=about["who"])
        if about["group"]:
            who += _(", or with a role that was granted **{group}** (`/permissions`)").format(
                group=package_title(about["group"])
            )
    return embed.add_field(name=_("Who can use it"), value=who, inline=False)


def chat_command(about: Described) -> discord.Embed:
    """One command of the stream's chat."""
    embed = ui.card(f"👋 {about['usage']}", about["help"])
    return embed.set_footer(text=_("In the stream's chat"))
