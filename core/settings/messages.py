"""Embeds of settings, permissions, the audit log and channels that cannot be used."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import discord
from discord.utils import format_dt

from core.guilds.records import AuditEntry
from core.kit.discord import ui as discord_ui
from core.kit.discord.ui import (
    PREFIX,
    ago,
    card,
    duration,
    permission_names,
    safe,
    setting_value,
    shortened,
)
from core.kit.feature import AuditLine
from core.kit.text.words import _, package_title, plural, translate
from core.outbox.discord_transport import Rendered
from core.settings.actions import Current, LogPage
from core.settings.rules import MAX_TEXT_CHARACTERS, Declared, feature_of, viewer_of, what_fits

PER_PAGE = 8

Mention = Callable[[str], str]
"""The mention of what has this id in the server; "" if the text is not an id."""

Troubles = Mapping[str, str]
"""Key -> why the channel or role cannot be used."""


def page(settings: Sequence[Current], troubles: Troubles) -> discord.Embed:
    """One page of the list, grouped by feature."""
    parts: list[str] = []
    for feature, found in groupby(settings, key=lambda current: feature_of(current.declared)):
        parts += [f"### {package_title(feature)}", *(_row(current, troubles) for current in found)]
    embed = card("⚙️ " + _("Settings of this server"), "\n".join(parts))
    return embed.set_footer(text=_("Change one with /settings set"))


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


MAX_FIELD_CHARACTERS = 500
"""Characters of a text that fit into an embed's field, even if every one has to be escaped."""


def shown(declared: Declared, value: Any, limit: int = MAX_FIELD_CHARACTERS) -> str:
    """A value as people read it: text is bold, mentions are not."""
    text = setting_value(declared, value, limit)
    return text if text.startswith("<") else f"**{text}**"


def one(current: Current, trouble: str) -> discord.Embed:
    declared = current.declared
    embed = card("⚙️ " + declared.key, declared.help)
    if len(str(current.value)) > MAX_FIELD_CHARACTERS:  # an admin may want to copy it completely
        embed.description = (
            f"{declared.help}\n\n{shown(declared, current.value, MAX_TEXT_CHARACTERS)}"
        )
    embed.add_field(name=_("Now"), value=shown(declared, current.value))
    embed.add_field(name=_("Default"), value=shown(declared, declared.default))
    embed.add_field(name=_("Allowed values"), value=what_fits(declared), inline=False)
    embed.add_field(name=_("Source"), value=_origin(current), inline=False)
    if trouble:
        embed.add_field(name="⚠️ " + _("Problem"), value=trouble, inline=False)
    return embed.set_footer(text=_("Change it with /settings set {key}").format(key=declared.key))


def _origin(current: Current) -> str:
    if current.by is not None and current.at is not None:
        return _("set by {by} {ago}").format(by=discord_ui.mention(current.by), ago=ago(current.at))
    if current.variable:
        return _("the variable `{variable}`, until you set it here").format(
            variable=current.variable
        )
    return _("the default")


def changed(before: Current, after: Current, trouble: str) -> discord.Embed:
    declared = after.declared
    line = shown(declared, after.value) + _mark(after)
    if before.value != after.value:
        title, line = _("Changed"), f"{shown(declared, before.value)} → {line}"
    elif (before.by is None) != (after.by is None):
        title = _("Same value, but from another source")
    else:
        title = _("Nothing to change")
    body = f"`{declared.key}`\n{line}\n-# {declared.help}"
    if trouble:
        return card("✅ " + title, f"{body}\n\n⚠️ {trouble}", tone="warning")
    return card("✅ " + title, body, tone="success")


# -- permissions --------------------------------------------------------------------------------


def permissions(
    groups: Mapping[str, Sequence[str]], roles: Mapping[str, Sequence[discord.Role]]
) -> discord.Embed:
    """Every group of commands, and who may use it besides admins."""
    embed = card(
        "🔑 " + _("Who may use which commands"),
        _(
            "Members with the permission Manage Server may use everything. "
            "Let a role use a group of commands with `/permissions grant`."
        ),
    )
    for group, names in groups.items():
        held = ", ".join(role.mention for role in roles.get(group, ())) or _("Admins only")
        commands = shortened(" ".join(f"`{name}`" for name in names), 900)
        embed.add_field(name=package_title(group), value=f"{held}\n-# {commands}", inline=False)
    return embed.set_footer(text=_("/permissions itself can't be granted."))


def granted(
    group: str, names: Sequence[str], role: discord.Role, bot: str, *, new: bool
) -> discord.Embed:
    """A role was granted a group; explains how its members get to see the slash commands."""
    words = {"role": role.mention, "group": f"**{package_title(group)}**"}
    if new:
        title = "✅ " + _("Permission granted")
        body = _("Members with {role} can now use the group {group}, typed and by button.")
    else:
        title, body = "✅ " + _("Nothing to change"), _("{role} already has the group {group}.")
    embed = card(title, body.format(**words), tone="success")
    commands = shortened(", ".join(f"`{name}`" for name in names), 700)
    embed.add_field(
        name=_("One more step for slash commands"),
        value=_(
            "Discord hides these from members without Manage Server: {commands}.\n"
            "To show them, open **Server Settings → Integrations → {bot}**, choose the command and "
            "add {role}. Until then, members can type them, such as `{typed}`."
        ).format(
            commands=commands,
            bot=safe(bot),
            role=role.mention,
            typed=names[0].replace("/", PREFIX, 1),
        ),
        inline=False,
    )
    return embed


def revoked(group: str, role: discord.Role, *, had: bool) -> discord.Embed:
    words = {"role": role.mention, "group": f"**{package_title(group)}**"}
    if not had:
        body = _("{role} does not have the group {group}.").format(**words)
        return card("✅ " + _("Nothing to change"), body)
    body = _(
        "Members with {role} can no longer use the group {group}, nor its buttons under old posts. "
        "If you showed them the slash commands in Server Settings → Integrations, hide them there."
    )
    return card("✅ " + _("Permission revoked"), body.format(**words), tone="success")


# -- the audit log ------------------------------------------------------------------------------

MAX_ENTRIES = 15
"""More entries of maximum length would not fit into an embed."""


def audit_log(
    page: LogPage,
    per_page: int,
    known: Mapping[str, Declared],
    lines: Mapping[str, AuditLine],
    mention: Mention,
) -> discord.Embed:
    """A page of the audit log: who changed what, and when.

    Args:
        known: key -> setting.
        lines: action -> how its entry reads.
    """
    title = "📜 " + _("Audit log")
    if not page.entries:
        return card(title, _("Nothing yet. What admins change will appear here."))
    # Escaped text can be twice as long, and an entry can show four texts.
    limit = min(120, (4000 // per_page - 140) // 8)

    style = Style(
        lambda declared, value: shown(declared, value, limit),
        lambda value: _value(value, mention, limit),
    )

    def line(entry: AuditEntry) -> str:
        who = discord_ui.mention(entry.actor) if entry.actor else by_no_member(entry)
        return f"{ago(entry.at)} {who} {sentence(entry, page.viewers, known, lines, style)}"

    rows = [line(entry) for entry in page.entries]
    place = _("{first} to {last} of {total}").format(
        first=page.skipped + 1, last=page.skipped + len(rows), total=f"{page.total:,}"
    )
    return card(title, "\n".join(rows), footer=place)


@dataclass(frozen=True)
class Style:
    """How the parts of an entry are written.

    Attributes:
        setting: a setting's value.
        value: any other value.
        wording: the rest of the sentence.
    """

    setting: Callable[[Declared, Any], str]
    value: Callable[[Any], str]
    wording: Callable[[str], str] = str


def sentence(
    entry: AuditEntry,
    viewers: Mapping[int, str],
    known: Mapping[str, Declared],
    lines: Mapping[str, AuditLine],
    style: Style,
) -> str:
    """The sentence of an entry, to follow the actor's name."""
    if (declared := known.get(entry.action)) is not None:
        return _setting_changed(entry, declared, style)
    return _act(entry, viewers, lines.get(entry.action), style)


def by_no_member(entry: AuditEntry) -> str:
    """The actor, if not a member of the server."""
    if entry.streamer_id is not None:
        return _("the streamer (signed in with Twitch)")
    return _("the bot")


def _setting_changed(entry: AuditEntry, declared: Declared, style: Style) -> str:
    before, after = (style.setting(declared, value) for value in (entry.before, entry.after))
    if entry.target == "reset":
        text = _("reset `{key}` to {after} (was {before})")
    else:
        text = _("changed `{key}` from {before} to {after}")
    return style.wording(text).format(key=declared.key, before=before, after=after)


def _act(
    entry: AuditEntry, viewers: Mapping[int, str], line: "AuditLine | None", style: Style
) -> str:
    viewer_id = viewer_of(entry.target)
    target = viewers.get(viewer_id, _("a viewer")) if viewer_id else entry.target
    fields = {"target": _place(target) or style.value(target)}
    raw: dict[str, Any] = {}
    for name, value in (("before", entry.before), ("after", entry.after)):
        raw[name] = value
        if isinstance(value, Mapping):
            raw |= {f"{name}_{key}": inner for key, inner in value.items()}
    fields |= {name: style.value(value) for name, value in raw.items()}
    fields |= {f"{name}_time": _minutes(value) for name, value in raw.items()}
    if line is None:  # written by another version
        text = style.wording(_("did `{action}`: {target}, {before} → {after}"))
        return text.format(action=style.value(entry.action), **fields)
    text = translate(line) if isinstance(line, str) else line(entry.before, entry.after)
    return style.wording(text).format_map(_Fields(fields))


def _place(target: str) -> str:
    """The place in a raffle that `#3.1` means; "" for other targets."""
    found = re.fullmatch(r"#(\d{1,9})\.(\d{1,9})", target, re.ASCII)
    return _("{place} of raffle #{raffle}").format(place=found[2], raffle=found[1]) if found else ""


def _minutes(value: Any) -> str:
    """A number of minutes as a time, such as `1 day` or `2 h 05 min`."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "–"
    days, rest = divmod(value, 24 * 60)
    if days and not rest:
        return plural("{count} day", "{count} days", int(days))
    return duration(value * 60)


class _Fields(dict[str, str]):
    """The fields of a line; an entry of an older version may lack one."""

    def __missing__(self, _name: str) -> str:
        return "–"


def _value(value: Any, mention: Mention, limit: int) -> str:
    """A value without a declared setting."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, int):
        return mention(str(value)) or f"{value:,}"
    if isinstance(value, Mapping):
        value = ", ".join(f"{key} {inner}" for key, inner in value.items())
    elif isinstance(value, list):
        value = ", ".join(map(str, value))
    text = str(value)
    return _instant(text) or mention(text) or safe(text, limit)


def _instant(text: str) -> str:
    """An instant in the reader's own time zone; "" where the text is none."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", text, re.ASCII):
        return ""
    return format_dt(datetime.fromisoformat(text), "f")


def posted_trouble(payload: Mapping[str, Any]) -> Rendered:
    """Alert: a channel can no longer be used, and which settings name it."""
    where = f"<#{payload['channel_id']}>"
    names = ", ".join(f"`{key}`" for key in payload["settings"])
    if payload["reason"] == "deleted":
        title = _("A channel that I post in was deleted")
        body = _("Choose another one with `/settings set`.")
    else:
        title = _("I can no longer post in a channel")
        body = _("Give my role in {channel}: {needed}. I'll post what is waiting as soon as I can.")
        body = body.format(channel=where, needed=permission_names(payload["missing"]))
    if names:
        body += "\n" + _("It is set as {settings}.").format(settings=names)
    return Rendered(card("⚠️ " + title, body, tone="warning"))
