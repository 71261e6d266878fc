"""Entries of the link log, and its status."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import discord

from core.kit.discord.ui import Tone, card, mention, permission_names, safe, shortened, status_card
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered
from core.people.linklog.actions import LinkLogSettings

_CONFLICTS = ("account_taken", "other_account")


def link_entry(payload: Mapping[str, Any]) -> Rendered:
    """Payload: `kind`, `discord_id`, `platform`, `name`, `reason`, `at`, and `actor` with
    `actor_name` and `actor_picture`, which are empty where they are not known."""
    if payload["kind"] == "forgotten":
        return _forgotten(payload)
    member, actor = payload["discord_id"], payload["actor"]
    mark, words, tone = title(payload["kind"], member, actor, payload["reason"])
    embed = card(f"{mark} {words}", tone=tone)
    if payload["actor_name"]:
        picture = payload["actor_picture"] or None
        embed.set_author(name=shortened(payload["actor_name"], 256), icon_url=picture)
    embed.add_field(name=_("Member"), value=mention(member))
    embed.add_field(
        name=_("On {platform}").format(platform=payload["platform"].capitalize()),
        value=safe(payload["name"]) or _("not known"),
    )
    if payload["reason"]:
        embed.add_field(name=_("Reason"), value=reason_words(payload["reason"]), inline=False)
    if actor != member:
        embed.add_field(name=_("By"), value=mention(actor))
    return _stamped(embed, payload, f"Discord {member}")


def _forgotten(payload: Mapping[str, Any]) -> Rendered:
    body = _("Their accounts were unlinked and are now called {pseudonym}.").format(
        pseudonym=safe(payload["name"])
    )
    embed = card("🧹 " + _("A member asked to be forgotten"), body)
    return _stamped(embed, payload, _("At their own request"))


def title(
    kind: str, discord_id: int, actor: int | None, reason: str | None
) -> tuple[str, str, Tone]:
    """Mark, words and tone of an entry."""
    if kind == "linked":
        return "✅", _("Linked"), "success"
    if kind == "unlinked":
        if actor != discord_id:
            return "🔌", _("Unlinked by an admin"), "system"
        return "🔌", _("Unlinked"), "system"
    if reason in _CONFLICTS:
        return "⚔️", _("Conflict: not linked"), "warning"
    return "❌", _("Linking failed"), "error"


def reason_words(reason: str) -> str:
    words = {
        "expired": _("The link was opened too late."),
        "not_me": _("Whoever opened the link said that this Discord account is not theirs."),
        "other_browser": _("They came back in a different browser."),
        "late": _("They came back too late."),
        "denied": _("They declined."),
        "not_accepted": _("The platform did not accept the sign-in."),
        "no_answer": _("The platform did not answer."),
        "bot_refused": _("The platform rejected the bot's app. Look at `/health`."),
        "account_taken": _("The account is linked to another member of this server."),
        "other_account": _("The member has linked another account of this platform."),
        "interrupted": _("The bot stopped before they were done. They can try again."),
    }
    return words.get(reason, safe(reason))


def panel_entry(payload: Mapping[str, Any]) -> Rendered:
    """Payload: `news`, `channel`, `actor`, `at`."""
    where = f"<#{payload['channel']}>"
    words: dict[str, tuple[str, str, Tone]] = {
        "posted": ("🔗 " + _("Link panel posted"), where, "system"),
        "withdrawn": ("🔗 " + _("Link panel removed"), where, "system"),
        "gone": (
            "⚠️ " + _("A link panel was deleted"),
            _("It was in {where}. Run `/setup_link_panel` in a channel to post a new one.").format(
                where=where
            ),
            "warning",
        ),
    }
    title, body, tone = words[payload["news"]]
    embed = card(title, body, tone=tone)
    if payload["actor"] is not None:
        embed.add_field(name=_("By"), value=mention(payload["actor"]))
    return _stamped(embed, payload, _("Channel {id}").format(id=payload["channel"]))


def _stamped(embed: discord.Embed, payload: Mapping[str, Any], footer: str) -> Rendered:
    embed.timestamp = datetime.fromisoformat(payload["at"])
    embed.set_footer(text=footer)
    return Rendered(embed)


def status(
    settings: LinkLogSettings, missing: Sequence[str] | None, undelivered: str
) -> discord.Embed:
    """Whether the log is on, and problems that keep it from working.

    Args:
        missing: permissions that the bot lacks in the channel; None if there is no such channel.
        undelivered: why the latest entry could not be delivered.
    """
    troubles = []
    if missing is None:
        troubles.append(_("The channel no longer exists. Choose another one with `/linklogs on`."))
    elif missing:
        needed = permission_names(missing)
        troubles.append(_("I can't post there. Give my role: {needed}.").format(needed=needed))
    if undelivered:
        reason = safe(undelivered)
        troubles.append(
            _("Not delivered: {reason} `/health` lets you try again.").format(reason=reason)
        )
    title, next_step = _("The link log is on"), "\n".join(troubles)
    if not settings.link_log:
        title, next_step = _("The link log is off"), _("Turn it on with `/linklogs on`.")
    return status_card(title, settings, next_step, switch="link_log", works=not troubles)
