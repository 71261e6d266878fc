"""How Discord messages look and are sent: colours, embeds, lists, private replies.

Never colour alone, one emoji per heading, every viewer's name escaped, no pings.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

import discord
from discord import app_commands
from discord.ext import commands
from discord.utils import escape_markdown, escape_mentions, format_dt

from core.kit.database.work import Work
from core.kit.discord.roles import see_role
from core.kit.errors import Refusal
from core.kit.guild_settings import GuildSetting, GuildSettings
from core.kit.health_item import CheckLine, State
from core.kit.services import Services
from core.kit.text.cleaning import clean, escape_links
from core.kit.text.words import _

P = ParamSpec("P")
T = TypeVar("T")

Tone = Literal["kick", "twitch", "system", "success", "warning", "error"]

PREFIX = "!"
"""Prefix of typed commands."""

COLOURS: dict[Tone, int] = {
    "kick": 0x53FC18,
    "twitch": 0x9146FF,
    "system": 0x5865F2,
    "success": 0x2FB344,
    "warning": 0xFFB020,
    "error": 0xFF6B6B,
}

# discord.py escapes only the first bracket of a link; another bracket could still form one.
_BARE_BRACKET = re.compile(r"(?<!\\)((?:\\\\)*)\[")

SILENT = discord.AllowedMentions.none()
"""The bot's messages never ping anybody."""


def safe(text: str, limit: int = 256, *, links: bool = False) -> str:
    """Escaped text from other people: on one line, without markdown or mentions, cut to `limit`
    characters (not counting the escapes).

    Args:
        links: addresses stay clickable, because only admins write the text.
    """
    short = shortened(clean(text), limit)
    escaped = escape_mentions(escape_markdown(short, ignore_links=links))
    escaped = _BARE_BRACKET.sub(r"\1\\[", escaped)
    return escaped if links else escape_links(escaped)


_MARKDOWN = re.compile(r"(\\[\\`*_~|\[\]()<>#.:-]|`[/!]?[a-z][a-z0-9_. ]*`)|[\\`*_~|\[]|^(?=[>#-])")


def _literal(text: str) -> str:
    """On one line, without markdown and links. Escaped text, `arguments` and `/commands` stay as
    they are."""
    literal = _MARKDOWN.sub(lambda found: found[1] or "\\" + found[0], " ".join(text.split()))
    return escape_links(literal)


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters; ends with `…` if it was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip("\u200d") + "…"


def card(title: str, body: str = "", *, tone: Tone = "system", footer: str = "") -> discord.Embed:
    """An embed in our style, cut to Discord's limits. The title is shown literally; names in the
    body need `safe`."""
    embed = discord.Embed(
        title=shortened(_literal(title), 256),
        description=shortened(body, 4096) or None,
        colour=COLOURS[tone],
    )
    if footer:
        embed.set_footer(text=footer)
    return embed


def status_card(
    title: str,
    settings: GuildSettings,
    next_step: str,
    *,
    switch: str = "enabled",
    works: bool = True,
    facts: Mapping[str, str] | None = None,
    footer: str = "",
) -> discord.Embed:
    """The status of a feature: whether it is on, what to do next, and its settings as fields.

    Args:
        title: such as `Slot requests are on`; the mark before it comes from the settings.
        switch: the setting that turns the feature on; shown in the title rather than as a field.
            Other switches with their default value are left out, too.
        works: False if it is on but cannot work.
        facts: additional fields by label; one with a setting's label replaces it.
    """
    facts = facts or {}
    mark: str
    tone: Tone
    mark, tone = ("🟢", "kick") if works else ("⚠️", "warning")
    if not getattr(settings, switch, True):
        mark, tone = "⚫", "system"
    embed = card(f"{mark} {title}", next_step, tone=tone, footer=footer)
    for name, declared in settings.declared.items():
        value = getattr(settings, name)
        is_usual = declared.kind is bool and value == declared.default
        if declared.label and name != switch and declared.label not in facts and not is_usual:
            embed.add_field(name=declared.label, value=setting_value(declared, value))
    for label, fact in facts.items():
        embed.add_field(name=label, value=fact)
    return embed


def setting_value(declared: GuildSetting[Any], value: Any, limit: int = 500) -> str:
    """The value of a setting as people read it; text is cut to `limit` characters."""
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if not value and (declared.of or declared.kind is str):
        return _("not set")
    if declared.of == "channel":
        return f"<#{value}>"
    if declared.of == "role":
        return f"<@&{value}>"
    text = f"{value:,} {declared.unit}" if declared.kind is int else value
    return safe(text, limit, links=True)


def needed_permissions(command: commands.Command[Any, ..., Any]) -> discord.Permissions:
    """The `default_permissions` of a command's outermost group.

    Discord hides the slash command from everybody else; the bot checks the same permissions before
    it runs a command, slash or typed.
    """
    app_command = getattr(command.root_parent or command, "app_command", None)
    permissions: discord.Permissions | None = getattr(app_command, "default_permissions", None)
    return permissions or discord.Permissions.none()


def missing_permissions(
    command: commands.Command[Any, ..., Any], held: discord.Permissions
) -> list[str]:
    needed = (name for name, has in needed_permissions(command) if has)
    return [name for name in needed if not getattr(held, name)]


def is_for_servers(command: commands.Command[Any, ..., Any]) -> bool:
    """Whether the command's outermost group is `guild_only`."""
    app_command = getattr(command.root_parent or command, "app_command", None)
    return bool(getattr(app_command, "guild_only", False))


def permission_names(names: Iterable[str]) -> str:
    """Permissions as Discord's settings name them, such as `Manage Server`."""
    return ", ".join(name.replace("_", " ").title().replace("Guild", "Server") for name in names)


def mention(member_id: object) -> str:
    """The mention of a member; plain words for a forgotten or unknown person.

    Args:
        member_id: a Discord id, also as text.
    """
    text = str(member_id)
    return f"<@{text}>" if text.isdecimal() and int(text) else _("a deleted member")


def ago(instant: datetime) -> str:
    """`3 minutes ago`, in the reader's language."""
    return format_dt(instant, "R")


def duration(seconds: float) -> str:
    """Hours and minutes, such as `12 h 05 min`; below one minute, seconds."""
    whole = int(seconds)
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    hours, minutes = divmod(whole // 60, 60)
    if not hours:
        return _("{minutes} min").format(minutes=minutes)
    return _("{hours} h {minutes} min").format(hours=f"{hours:,}", minutes=f"{minutes:02}")


def refusal_card(refusal: Refusal) -> discord.Embed:
    return card("⚠️ " + refusal.what, refusal.remedy, tone="warning")


PRIVATE = {"private": True}
"""`extras` of a command whose reply is visible only to the member. This works for slash commands
only; the reply to a typed command is public.
"""


def is_private(ctx: commands.Context[Any]) -> bool:
    command = ctx.command
    return command is not None and bool(
        command.extras.get("private") or needed_permissions(command).value
    )


def is_in_public(ctx: commands.Context[Any]) -> bool:
    """Whether others can see the reply."""
    return ctx.interaction is None or not is_private(ctx)


def server_command(
    name: str, *, private: bool = False, for_admins: bool = False, **attributes: Any
) -> Callable[[Callable[..., Any]], commands.HybridCommand[Any, ..., None]]:
    """Declare a command of servers, slash and typed.

    Args:
        private: see `PRIVATE`; admin commands always are.
        for_admins: Discord shows it only to members with Manage Server.
        attributes: those of `commands.hybrid_command`.
    """
    return _for_servers(commands.hybrid_command, name, private, for_admins, attributes)


def server_group(
    name: str, *, private: bool = False, for_admins: bool = False, **attributes: Any
) -> Callable[[Callable[..., Any]], commands.HybridGroup[Any, ..., None]]:
    """Like `server_command`, for a command with subcommands."""
    return _for_servers(commands.hybrid_group, name, private, for_admins, attributes)


def _for_servers(
    declared: Any, name: str, private: bool, for_admins: bool, attributes: dict[str, Any]
) -> Callable[[Callable[..., Any]], Any]:
    def declare(callback: Callable[..., Any]) -> Any:
        if private:
            attributes["extras"] = PRIVATE
        if for_admins:
            app_commands.default_permissions(manage_guild=True)(callback)
        return declared(name=name, **attributes)(commands.guild_only()(callback))

    return declare


async def answer(
    ctx: commands.Context[Any], embed: discord.Embed, view: discord.ui.View | None = None
) -> None:
    """Reply to a hybrid command, with buttons below if there is a view."""
    given: dict[str, Any] = {} if view is None else {"view": view}
    await ctx.send(embed=embed, ephemeral=is_private(ctx), allowed_mentions=SILENT, **given)


async def reply_privately(
    interaction: discord.Interaction, embed: discord.Embed, view: discord.ui.View | None = None
) -> None:
    """Reply to the member who pressed a button, whether or not the interaction was acknowledged."""
    given: dict[str, Any] = {} if view is None else {"view": view}
    if interaction.response.is_done():
        await interaction.followup.send(embed=embed, ephemeral=True, **given)
    else:
        await interaction.response.send_message(embed=embed, ephemeral=True, **given)


def view_of(*items: discord.ui.Item[Any]) -> discord.ui.View:
    """Buttons and menus below a message, for as long as it exists. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    return view


DMS_CLOSED = (50007, 50278)
"""Discord's error codes for closed direct messages."""


async def sent_by_dm(person: discord.User | discord.Member, **message: Any) -> bool:
    """Send a direct message; False if their DMs are closed."""
    try:
        await person.send(**message)
    except discord.Forbidden as error:
        if error.code not in DMS_CLOSED:
            raise
        return False
    return True


POSTING_PERMISSIONS = ("view_channel", "send_messages", "embed_links")
"""The permissions the bot needs to post in a channel."""


def missing_in(
    channel: discord.abc.GuildChannel | discord.Thread,
    me: discord.Member | Any,
    needed: Sequence[str] = POSTING_PERMISSIONS,
) -> list[str]:
    held = channel.permissions_for(me)
    return [name for name in needed if not getattr(held, name)]


def require_permissions(
    channel: discord.TextChannel,
    me: discord.Member | Any,
    needed: Sequence[str] = POSTING_PERMISSIONS,
) -> None:
    """Raises Refusal if the bot lacks permissions in a channel; it names them."""
    if missing := missing_in(channel, me, needed):
        raise Refusal(
            _("I am not allowed to post in {channel}.").format(channel=channel.mention),
            _("Give my role these permissions there: {needed}.").format(
                needed=permission_names(missing)
            ),
        )


def guild_of(ctx: commands.Context[Any]) -> discord.Guild:
    """The server of a `guild_only` command."""
    assert ctx.guild is not None, "the command is guild_only"
    return ctx.guild


def guild_id_of(ctx: commands.Context[Any]) -> int:
    return guild_of(ctx).id


def services_of(source: discord.Interaction | commands.Context[Any]) -> Services:
    """Services of the bot that received this interaction or command."""
    bot = source.client if isinstance(source, discord.Interaction) else source.bot
    services = getattr(bot, "services", None)
    assert isinstance(services, Services), "only our bot handles interactions"
    return services


async def run_action(
    source: discord.Interaction | commands.Context[Any],
    action: Callable[Concatenate[Work, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run `action(work, ...)` in the guild, and on behalf of the member, of a button or command."""
    services = services_of(source)
    if isinstance(source, discord.Interaction):
        guild_id, member = source.guild_id or 0, source.user
    else:
        guild_id, member = guild_id_of(source), source.author
    is_admin = source.guild is not None and source.permissions.manage_guild
    role_ids = [role.id for role in getattr(member, "roles", ())]

    def on_behalf(work: Work) -> T:
        if not is_admin:
            work.limit_to(lambda tx: services.granted(tx, guild_id, role_ids))
        if (guild := source.guild) is not None:
            work.find_role = lambda role_id: see_role(guild, role_id, member)
        return action(work, *args, **kwargs)

    return await services.run_as(member.id, guild_id, on_behalf)


def pages(rows: Sequence[str], limit: int) -> list[str]:
    """Rows joined into as few texts of at most `limit` characters as possible."""
    texts: list[str] = []
    for row in rows:
        if texts and len(texts[-1]) + len(row) + 1 <= limit:
            texts[-1] += "\n" + row
        else:
            texts.append(row[:limit])
    return texts


def lines(rows: Sequence[str], limit: int = 4000) -> str:
    """Rows joined into an embed's text; the last line says how many do not fit."""
    text: list[str] = []
    used = 0
    for index, row in enumerate(rows):
        if used + len(row) + 1 > limit:
            text.append(_("… and {count} more").format(count=len(rows) - index))
            break
        text.append(row)
        used += len(row) + 1
    return "\n".join(text)


# -- the check of a platform's configuration ------------------------------------------------------

_MARKS: dict[State, str] = {"ok": "🟢", "warn": "🟡", "down": "🔴"}


def check_report(platform: str, found: Sequence[CheckLine]) -> discord.Embed:
    """Each check with a mark, a word and what to do."""
    states = {line.state for line in found}
    rows = lines([_check_row(line) for line in found])
    if "down" in states:
        title = _("{platform} does not work yet").format(platform=platform)
        return card("❌ " + title, rows, tone="error")
    if "warn" in states:
        title = _("{platform} works, with warnings").format(platform=platform)
        return card("⚠️ " + title, rows, tone="warning")
    title = _("{platform} is set up correctly").format(platform=platform)
    return card("✅ " + title, rows, tone="success")


def _check_row(line: CheckLine) -> str:
    # Never colour alone: a word follows the mark.
    words = {"ok": _("ok"), "warn": _("warning"), "down": _("down")}
    at = "" if line.at is None else f" · {line.dated} {ago(line.at)}"
    row = f"{_MARKS[line.state]} **{safe(line.name)}** · {words[line.state]} · "
    row += f"{safe(line.found)}{at}"
    return row + (f"\n-# ↳ {line.remedy}" if line.remedy else "")
