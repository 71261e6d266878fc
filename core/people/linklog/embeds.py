"""How the link log looks: classic embeds, so that they can be searched and quoted."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import discord

from core.kit.discord_ui import Tone, card, permission_names, safe, shortened
from core.kit.words import _
from core.outbox.discord_transport import Rendered
from core.people.linklog.actions import Status

_CONFLICTS = ("account_taken", "other_account")


def link_entry(payload: Mapping[str, Any]) -> Rendered:
    """Payload: `kind`, `discord_id`, `kick_name`, `reason`, `at`, and `actor` with `actor_name` and
    `actor_picture`, which are empty where they are not known."""
    if payload["kind"] == "forgotten":
        return _forgotten(payload)
    member, actor = payload["discord_id"], payload["actor"]
    mark, title, tone = _title(payload)
    embed = card(f"{mark} {title}", tone=tone)
    if payload["actor_name"]:
        picture = payload["actor_picture"] or None
        embed.set_author(name=shortened(payload["actor_name"], 256), icon_url=picture)
    embed.add_field(name=_("Member"), value=f"<@{member}>")
    embed.add_field(name=_("On Kick"), value=safe(payload["kick_name"]) or _("not known"))
    if payload["reason"]:
        embed.add_field(name=_("Reason"), value=_reason(payload["reason"]), inline=False)
    if actor != member:
        embed.add_field(name=_("By"), value=f"<@{actor}>")
    return _stamped(embed, payload, f"Discord {member}")


def _forgotten(payload: Mapping[str, Any]) -> Rendered:
    body = _("They are unlinked, and called {pseudonym} from now on.").format(
        pseudonym=safe(payload["kick_name"])
    )
    embed = card("🧹 " + _("A member asked to be forgotten"), body)
    return _stamped(embed, payload, _("At their own wish"))


def _title(payload: Mapping[str, Any]) -> tuple[str, str, Tone]:
    if payload["kind"] == "linked":
        return "✅", _("Linked"), "success"
    if payload["kind"] == "unlinked":
        if payload["actor"] != payload["discord_id"]:
            return "🔌", _("Unlinked by an admin"), "system"
        return "🔌", _("Unlinked"), "system"
    if payload["reason"] in _CONFLICTS:
        return "⚔️", _("Conflict: not linked"), "warning"
    return "❌", _("Linking failed"), "error"


def _reason(reason: str) -> str:
    words = {
        "expired": _("The link was opened too late."),
        "not_me": _("Whoever opened the link said that this Discord account is not theirs."),
        "other_browser": _("They came back from Kick in another browser than they left with."),
        "late": _("They came back from Kick too late."),
        "denied": _("They declined on Kick."),
        "not_accepted": _("Kick did not accept the sign-in."),
        "kick_away": _("Kick did not answer."),
        "bot_refused": _("Kick does not take the bot's app. Look at `/health`."),
        "account_taken": _("The Kick account is linked with another member of this server."),
        "other_account": _("The member has linked another Kick account in this server."),
        "interrupted": _("The bot was stopped in the middle of it. They can try again."),
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
            _("It stood in {where}. `/setup_link_panel` in a channel posts a new one.").format(
                where=where
            ),
            "warning",
        ),
    }
    title, body, tone = words[payload["news"]]
    embed = card(title, body, tone=tone)
    if payload["actor"] is not None:
        embed.add_field(name=_("By"), value=f"<@{payload['actor']}>")
    return _stamped(embed, payload, _("Channel {id}").format(id=payload["channel"]))


def _stamped(embed: discord.Embed, payload: Mapping[str, Any], footer: str) -> Rendered:
    embed.timestamp = datetime.fromisoformat(payload["at"])
    embed.set_footer(text=footer)
    return Rendered(embed)


def status(current: Status, missing: Sequence[str] | None) -> discord.Embed:
    """How the log is set.

    Args:
        missing: what the bot is not allowed in the channel; None when there is no such channel.
    """
    where = f"<#{current.channel_id}>" if current.channel_id else _("not chosen yet")
    troubles = _troubles(current, missing)
    if not current.enabled:
        mark, title = "⚫", _("The link log is off")
    else:
        mark, title = ("⚠️" if troubles else "🟢"), _("The link log is on")
    body = "\n".join(troubles) if current.enabled else _("`/linklogs on` switches it on.")
    embed = card(f"{mark} {title}", body, tone="warning" if troubles else "system")
    embed.add_field(name=_("Channel"), value=where)
    return embed


def _troubles(current: Status, missing: Sequence[str] | None) -> list[str]:
    if not current.enabled:
        return []
    told = []
    if current.channel_id is None or missing is None:
        told.append(_("The channel does not exist any more. Choose one with `/linklogs on`."))
    elif missing:
        told.append(
            _("I am not allowed to post there. Give my role: {needed}.").format(
                needed=permission_names(missing)
            )
        )
    if current.trouble:
        told.append(
            _("Not delivered: {reason} `/health` lets you try again.").format(
                reason=safe(current.trouble)
            )
        )
    return told
