"""How a server's settings look in Discord."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import discord

from core.guilds.store import Entry
from core.kit.discord_ui import ago, card, safe
from core.kit.words import _
from core.settings.actions import Change, Current, Record
from core.settings.rules import LONGEST_TEXT, Declared, room_of, viewer_of, what_fits

PER_PAGE = 8

Naming = Callable[[str], str]
"""The mention of what has this id in the server; "" where the text is no id."""

Troubles = Mapping[str, str]
"""Key -> why the channel or role that is set there cannot be used."""


def page(settings: Sequence[Current], troubles: Troubles) -> discord.Embed:
    """One page of the list, grouped by room."""
    parts: list[str] = []
    for room, found in groupby(settings, key=lambda one: room_of(one.declared)):
        parts += [f"### {_room_title(room)}", *(_row(one, troubles) for one in found)]
    embed = card("⚙️ " + _("Settings of this server"), "\n".join(parts))
    return embed.set_footer(text=_("Change one with /settings set"))


def _room_title(room: str) -> str:
    return _("Server") if room == "guilds" else room.replace("_", " ").capitalize()


def _row(current: Current, troubles: Troubles) -> str:
    declared = current.declared
    line = f"`{declared.key}` {shown(declared, current.value, 60)}{_mark(current)}"
    if trouble := troubles.get(declared.key):
        line += f"\n⚠️ {trouble}"
    return f"{line}\n-# {declared.help}"


def _mark(current: Current) -> str:
    if current.by is not None:
        return ""
    return " · " + (_("environment") if current.variable else _("default"))


IN_A_FIELD = 500
"""Letters of a text that fit into an embed's field, even if every one has to be escaped."""


def shown(declared: Declared, value: Any, limit: int = IN_A_FIELD) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return f"**{_('on')}**" if value else f"**{_('off')}**"
    if declared.of in ("channel", "role"):
        return _mention(declared, value)
    if value == "":
        return "*" + _("empty") + "*"
    return f"**{safe(str(value), limit)}**"


def _mention(declared: Declared, value: int) -> str:
    if not value:
        return f"**{_('none')}**"
    return f"<#{value}>" if declared.of == "channel" else f"<@&{value}>"


def one(current: Current, trouble: str) -> discord.Embed:
    """All there is to say about a setting."""
    declared = current.declared
    embed = card("⚙️ " + declared.key, declared.help)
    if len(str(current.value)) > IN_A_FIELD:  # an admin may want to copy all of it
        embed.description = f"{declared.help}\n\n{shown(declared, current.value, LONGEST_TEXT)}"
    embed.add_field(name=_("Now"), value=shown(declared, current.value))
    embed.add_field(name=_("Default"), value=shown(declared, declared.default))
    embed.add_field(name=_("Takes"), value=what_fits(declared), inline=False)
    embed.add_field(name=_("Comes from"), value=_origin(current), inline=False)
    if trouble:
        embed.add_field(name="⚠️ " + _("Trouble"), value=trouble, inline=False)
    return embed.set_footer(text=_("Change it with /settings set {key}").format(key=declared.key))


def _origin(current: Current) -> str:
    if current.by is not None and current.at is not None:
        return _("set by <@{by}> {ago}").format(by=current.by, ago=ago(current.at))
    if current.variable:
        return _("the variable `{variable}`, until you set it here").format(
            variable=current.variable
        )
    return _("the default")


def changed(change: Change, trouble: str) -> discord.Embed:
    """What a setting was, and what it is from now on."""
    before, after = change.before, change.after
    declared = after.declared
    now = shown(declared, after.value) + _mark(after)
    if before.value == after.value:
        title, line = _unchanged(change), now
    else:
        title, line = "✅ " + _("Changed"), f"{shown(declared, before.value)} → {now}"
    body = f"`{declared.key}`\n{line}\n-# {declared.help}"
    if trouble:
        return card(title, f"{body}\n\n⚠️ {trouble}", tone="warning")
    return card(title, body, tone="success")


def _unchanged(change: Change) -> str:
    if (change.before.by is None) != (change.after.by is None):
        return "✅ " + _("The value stays, its origin changed")
    return "✅ " + _("That is how it was already")


# -- the audit log ------------------------------------------------------------------------------

MOST_ENTRIES = 15
"""More of the longest would not fit into an embed."""


def record(
    current: Record, count: int, known: Mapping[str, Declared], named: Naming
) -> discord.Embed:
    """A page of the audit log: who changed what, and when."""
    title = "📜 " + _("What admins changed")
    if not current.entries:
        return card(title, _("Nothing yet. Every change of a setting will stand here."))
    # What is escaped may become twice as long, and an entry may show four texts.
    limit = min(120, (4000 // count - 140) // 8)
    rows = [_entry(one, current.viewers, known, named, limit) for one in current.entries]
    last = current.skipped + len(rows)
    place = _("{first} to {last} of {total}").format(
        first=current.skipped + 1, last=last, total=f"{current.total:,}"
    )
    return card(title, "\n".join(rows), footer=place)


def _entry(
    entry: Entry,
    viewers: Mapping[int, str],
    known: Mapping[str, Declared],
    named: Naming,
    limit: int,
) -> str:
    who = f"<@{entry.actor}>" if entry.actor else _("somebody")
    declared = known.get(entry.action)
    if declared is None:
        what = _act(entry, viewers, named, limit)
    else:
        before, after = (shown(declared, value, limit) for value in (entry.before, entry.after))
        what = f"`{declared.key}` {before} → {after}"
        what += " · " + _("reset") if entry.target == "reset" else ""
    return f"{ago(entry.at)} {who}: {what}"


def _act(entry: Entry, viewers: Mapping[int, str], named: Naming, limit: int) -> str:
    room, _dot, act = entry.action.partition(".")
    words = f"**{_room_title(room)}** {safe(re.sub('[._]', ' ', act), limit)}"
    viewer_id = viewer_of(entry.target)
    target = viewers.get(viewer_id, "") if viewer_id else entry.target
    if target:
        words += " · " + _value(target, named, limit)
    if entry.before is not None or entry.after is not None:
        words += f" · {_value(entry.before, named, limit)} → {_value(entry.after, named, limit)}"
    return words


def _value(value: Any, named: Naming, limit: int) -> str:
    """A value that no setting explains."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, dict):
        value = ", ".join(f"{key} {inner}" for key, inner in value.items())
    return named(str(value)) or safe(str(value), limit)
