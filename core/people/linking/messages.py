"""Embeds of linking."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import discord

from core.kit.discord.ui import ago, card, mention, safe
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered
from core.people.linking.platforms import PLATFORMS, Platform
from core.people.records import Link


def invitation(
    server: str, platforms: Sequence[Platform], linked: Sequence[Link], expires_at: datetime
) -> discord.Embed:
    """The embed above the buttons with the links.

    Args:
        platforms: the platforms whose accounts can be linked now.
        linked: accounts that the member has linked already.
    """
    names = _(" or ").join(platform.name for platform in platforms)
    body = _(
        "Earn watchtime, tickets and roles in **{server}** for what you do in the stream.\n"
        "1. Press the button and check that it is you.\n"
        "2. Authorize on {platforms}. The bot only reads the name of your account there, and "
        "cannot do anything on your behalf.\n"
        "3. Come back. I'll message you here when it's done."
    ).format(server=safe(server), platforms=names)
    for link in linked:
        body += "\n✅ " + _("Linked on {platform}: **{name}**").format(
            platform=PLATFORMS[link.platform].name, name=safe(link.viewer_name)
        )
    if len(platforms) > 1:
        body += "\n" + _("You can link both. They count as one person.")
    once = _("The link is only for you, works once and expires {when}.")
    title = _("Link your {platforms} account").format(platforms=names)
    return card(
        f"🔗 {title}", f"{body}\n-# {once.format(when=ago(expires_at))}", tone=platforms[0].tone
    )


def already_linked(server: str, links: Sequence[Link]) -> discord.Embed:
    """Sent to the member only."""
    accounts = _(" and ").join(
        _("{name} on {platform}").format(
            name=safe(link.viewer_name), platform=PLATFORMS[link.platform].name
        )
        for link in links
    )
    return card(
        "🔗 " + _("You are linked to {accounts}").format(accounts=accounts),
        _("Linked {when} in **{server}**. To link another account, run `/unlink` first.").format(
            server=safe(server), when=ago(max(link.linked_at for link in links))
        ),
        tone=PLATFORMS[links[0].platform].tone,
    )


def linked(payload: Mapping[str, Any]) -> Rendered:
    """To the member. Payload: `account`, `platform`, `server`."""
    body = _(
        "From now on, what **{account}** does on {platform} counts for you in **{server}**, "
        "including the watchtime it already has.\n-# Run `/unlink` to undo this at any time."
    ).format(
        account=safe(payload["account"]),
        platform=PLATFORMS[payload["platform"]].name,
        server=safe(payload["server"]),
    )
    title = "✅ " + _("Linked to {name}").format(name=safe(payload["account"]))
    return Rendered(card(title, body, tone="success"))


def interrupted(payload: Mapping[str, Any]) -> Rendered:
    """Sent to a member whose browser could not show the result. Payload: `platform`, `server`."""
    title = "⏳ " + _("Linking was interrupted")
    body = _("Your {platform} account was not linked. Run `/link` in **{server}** again.").format(
        platform=PLATFORMS[payload["platform"]].name, server=safe(payload["server"])
    )
    return Rendered(card(title, body, tone="warning"))


def ask_unlink(links: Sequence[Link], *, own: bool, is_public: bool) -> discord.Embed:
    """Ask whether to unlink. A public question does not name the accounts."""
    names = _(" or ").join(
        f"{safe(link.viewer_name)} ({PLATFORMS[link.platform].name})" for link in links
    )
    if len(links) == 1:
        names = safe(links[0].viewer_name)
    title = _("Unlink the account?") if is_public else _("Unlink {name}?").format(name=names)
    body = _("Watchtime and tickets stay with the account: linking again brings them back.")
    member = mention(links[0].discord_id)
    whose = "" if own else _("It is linked to {member}.").format(member=member)
    return card("❓ " + title, f"{whose}\n{body}".strip(), tone="warning")


def unlinked(own: bool) -> discord.Embed:
    body = _("What was earned stays with the account.")
    if own:
        body += " " + _("Run `/link` to get it back.")
    return card("🔓 " + _("Unlinked"), body, tone="success")


def not_linked(own: bool) -> discord.Embed:
    return card("🔓 " + _("No account is linked"), _("Run `/link` to link one.") if own else "")
