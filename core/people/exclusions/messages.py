"""Replies of `/exclude` and its aliases."""

from typing import Any

import discord

from core.kit.discord.ui import ago, card, lines, mention, safe
from core.kit.text.words import _, plural
from core.people.exclusions.actions import Excluded
from core.people.exclusions.records import Exclusion, Scope


def excluded(name: str, scope: Scope) -> discord.Embed:
    """A viewer was excluded: the effect, and how to undo it."""
    title, effect, undo = {
        "everything": (
            _("{name} is excluded from everything"),
            _(
                "They earn no watchtime, cannot request slots and cannot win, even after a name "
                "change."
            ),
            "/exclude remove",
        ),
        "watchtime": (
            _("{name} earns no watchtime"),
            _(
                "They earn no watchtime and are hidden from the leaderboard, even after a name "
                "change."
            ),
            "/watchexclude remove",
        ),
        "slot_calls": (
            _("{name} can no longer request slots"),
            _("Their open requests were skipped."),
            "/slotcalls unblock",
        ),
        "raffle": (
            _("{name} can no longer win"),
            _("Their tickets stay, but are left out of the draw."),
            "/raffleexclude remove",
        ),
        "vips": (
            _("{name} can no longer redeem VIP"),
            _("A current VIP stays until it ends."),
            "/exclude remove",
        ),
    }[scope]
    body = effect + " " + _("Undo with `{command}`.").format(command=undo)
    return card("🚫 " + title.format(name=safe(name)), body, tone="success")


def included(name: str, scope: Scope) -> discord.Embed:
    title = {
        "everything": _("{name} can take part in everything again"),
        "watchtime": _("{name} earns watchtime again"),
        "slot_calls": _("{name} can request slots again"),
        "raffle": _("{name} can win again"),
        "vips": _("{name} can redeem VIP again"),
    }[scope]
    body = _("Earlier watchtime counts again. None was earned in the meantime.")
    return card(
        "✅ " + title.format(name=safe(name)),
        body if scope in ("everything", "watchtime") else "",
        tone="success",
    )


def listed(found: Excluded, scope: Scope) -> discord.Embed:
    """The list of exclusions."""
    if not found.count:
        add = {"slot_calls": "/slotcalls block", "raffle": "/raffleexclude add"}.get(
            scope, "/exclude add"
        )
        return card(_("Nobody is excluded"), _("Exclude with `{command}`.").format(command=add))
    rows = [_line(account, scope) for account in found.accounts]
    if found.names:
        names = ", ".join(safe(name) for name in found.names)
        rows += ["", _("Not seen here yet: {names}").format(names=names)]
    if scope in ("everything", "watchtime"):
        hint = _("The streamer and accounts marked as bots never earn anything.")
        rows += ["", "-# " + hint]
    title = plural("{count} is excluded", "{count} are excluded", found.count)
    return card("🚫 " + title, lines(rows, limit=3900))


def _line(exclusion: Exclusion, scope: Scope) -> str:
    parts = [f"**{safe(exclusion.viewer_name)}**"]
    if scope == "everything" or exclusion.scope != scope:
        parts.append(scope_name(exclusion.scope))
    return " · ".join(
        [*parts, _cause(exclusion), *([safe(exclusion.reason, 80)] if exclusion.reason else [])]
    )


def _cause(exclusion: Exclusion) -> str:
    if exclusion.cause == "admin":
        return _("by {admin} {ago}").format(
            admin=mention(exclusion.excluded_by), ago=ago(exclusion.excluded_at)
        )
    if exclusion.cause == "name":
        return _("by name, seen {ago}").format(ago=ago(exclusion.excluded_at))
    if exclusion.cause == "discord_ban":
        return _("banned on Discord")
    until = " " + _("until {when}").format(when=ago(exclusion.until)) if exclusion.until else ""
    return _("banned on Kick") + until


def scope_name(scope: Scope) -> str:
    return {
        "everything": _("everything"),
        "watchtime": _("watchtime"),
        "slot_calls": _("slot requests"),
        "raffle": _("raffle"),
        "vips": _("VIP"),
    }[scope]


def _scope_of(after: Any) -> Scope:
    scope: Scope = after.get("scope", "everything") if isinstance(after, dict) else "everything"
    return scope


def audited_exclude(_before: Any, after: Any) -> str:
    """Audit line of an exclusion."""
    return {
        "everything": _("excluded {target} from everything"),
        "watchtime": _("excluded {target} from watchtime"),
        "slot_calls": _("excluded {target} from slot requests"),
        "raffle": _("excluded {target} from winning"),
        "vips": _("excluded {target} from VIP"),
    }[_scope_of(after)]


def audited_include(_before: Any, after: Any) -> str:
    """Audit line of the end of an exclusion."""
    return {
        "everything": _("let {target} take part in everything again"),
        "watchtime": _("let {target} earn watchtime again"),
        "slot_calls": _("let {target} request slots again"),
        "raffle": _("let {target} win again"),
        "vips": _("let {target} redeem VIP again"),
    }[_scope_of(after)]
