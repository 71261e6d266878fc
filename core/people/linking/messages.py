"""Embeds of linking."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import discord

from core.kit.discord_ui import ago, card, safe
from core.kit.words import _
from core.outbox.discord_transport import Rendered
from core.people.records import Link


def invitation(server: str, expires_at: datetime) -> discord.Embed:
    """Above the button with the link."""
    return card(
        "🔗 " + _("Link your Kick account"),
        _(
            "This tells **{server}** which Kick account is yours, so that what you do in the "
            "stream counts for you here.\n"
            "1. Press the button and check that it is you.\n"
            "2. Say yes on Kick. The bot reads your name there, keeps nothing else, and can do "
            "nothing in your name.\n"
            "3. Come back. I'll message you here when it's done."
        ).format(server=safe(server))
        + "\n-# "
        + _("The link is yours alone and works once. It ends {when}.").format(when=ago(expires_at)),
        tone="kick",
    )


def already_linked(server: str, link: Link) -> discord.Embed:
    """To the member alone."""
    return card(
        "🔗 " + _("You are linked with {name} on Kick").format(name=safe(link.viewer_name)),
        _("Linked {when} in **{server}**. To link another account, run `/unlink` first.").format(
            server=safe(server), when=ago(link.linked_at)
        ),
        tone="kick",
    )


def linked(payload: Mapping[str, Any]) -> Rendered:
    """To the member. Payload: `account`, `server`."""
    body = _(
        "From now on what **{account}** does on Kick counts for you in **{server}**, and so does "
        "the watchtime it has already.\n-# `/unlink` ends it at any time."
    ).format(account=safe(payload["account"]), server=safe(payload["server"]))
    title = "✅ " + _("Linked with {name}").format(name=safe(payload["account"]))
    return Rendered(card(title, body, tone="success"))


def interrupted(payload: Mapping[str, Any]) -> Rendered:
    """To a member whose browser could not show the result. Payload: `server`."""
    title = "⏳ " + _("Linking was interrupted")
    body = _("Your Kick account was not linked. Run `/link` in **{server}** once more.").format(
        server=safe(payload["server"])
    )
    return Rendered(card(title, body, tone="warning"))


def ask_unlink(link: Link, *, own: bool, is_public: bool) -> discord.Embed:
    """A public question does not name the account."""
    title = _("Unlink the Kick account?")
    if not is_public:
        title = _("Unlink {name}?").format(name=safe(link.viewer_name))
    body = _("Watchtime and tickets stay with the Kick account: linking again brings them back.")
    whose = "" if own else _("It is linked with {member}.").format(member=f"<@{link.discord_id}>")
    return card("❓ " + title, f"{whose}\n{body}".strip(), tone="warning")


def unlinked(own: bool) -> discord.Embed:
    body = _("What was earned stays with the Kick account.")
    if own:
        body += " " + _("`/link` brings it back.")
    return card("🔓 " + _("Unlinked"), body, tone="success")


def not_linked(own: bool) -> discord.Embed:
    return card("🔓 " + _("No Kick account is linked"), _("`/link` links one.") if own else "")
