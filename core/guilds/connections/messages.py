"""Embeds about connected accounts."""

from collections.abc import Iterable, Mapping
from typing import Any

import discord

from core.guilds.connections.accounts import KINDS, AccountKind, Disconnected
from core.kit.discord.ui import Tone, card, safe
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered

Kind = AccountKind[Any]


def invitation(kind: Kind, body: str, note: str = "") -> discord.Embed:
    """Above the button that connects an account."""
    note = note or _("The link is yours, works once and for 15 minutes.")
    title = "🔗 " + _("Connect {service}").format(service=kind.service)
    return card(title, f"{body}\n-# {note}", tone=tone_of(kind.platform))


def tone_of(platform: str) -> Tone:
    tones: dict[str, Tone] = {"kick": "kick", "twitch": "twitch"}
    return tones.get(platform, "system")


def connected(kind: Kind, account: str, server: str, scopes: Iterable[str] = ()) -> discord.Embed:
    missing = kind.missing(scopes)
    body = _("**{account}** on {service} is connected to **{server}**.").format(
        account=safe(account), server=safe(server), service=kind.service
    )
    if missing:
        lacks = _("{service} did not allow everything: {words}.")
        body += "\n" + lacks.format(service=kind.service, words=", ".join(missing))
    return card("✅ " + _("Connected"), body, tone="warning" if missing else "success")


def connected_by_link(payload: Mapping[str, Any]) -> Rendered:
    """To the admin who asked for the link. Payload: `account`, `server`, `scopes`, `platform`,
    `role`."""
    kind = KINDS[payload["platform"], payload["role"]]
    about = payload["account"], payload["server"], payload["scopes"]
    return Rendered(connected(kind, *about))


def reconnect(payload: Mapping[str, Any]) -> Rendered:
    """To the admins, once the service has ended the grant. Payload: as above."""
    kind = KINDS[payload["platform"], payload["role"]]
    body = _("{service} has ended the connection of **{account}** with **{server}**.").format(
        service=kind.service, account=safe(payload["account"]), server=safe(payload["server"])
    )
    todo = _("Run {command} in that server.").format(command=kind.command)
    title = _("{service} has to be connected again").format(service=kind.service)
    return Rendered(card("🔌 " + title, f"{body} {kind.lost()}\n{todo}", tone="warning"))


def ask_disconnect(kind: Kind, name: str, held: str = "") -> discord.Embed:
    """`held`: what the bot could not end afterwards."""
    body = kind.stops()
    if held:
        body += "\n" + _("{held} Afterwards the bot can no longer end that.").format(held=held)
    title = _("Disconnect {name}?").format(name=safe(name))
    return card("❓ " + title, body, tone="warning")


def ending(kind: Kind, held: str) -> discord.Embed:
    """Something is ended at the service before the account is disconnected."""
    if not held:
        body = _("Run `/disconnect_{service}` again.").format(service=kind.platform)
        return card("🔌 " + _("Nothing to end"), body)
    return card("⌛ " + _("Disconnecting soon"), kind.describe_end(held), tone="success")


def disconnected(ended: Disconnected) -> discord.Embed:
    title = _("{name} is disconnected").format(name=safe(ended.name))
    is_done = ended.is_revoked or ended.kind.revoke is None
    return card("🔌 " + title, ended.describe(), tone="success" if is_done else "warning")


def not_connected(kind: Kind) -> discord.Embed:
    title = _("No {account} is connected").format(account=kind.title)
    return card("🔌 " + title, _("{command} connects one.").format(command=kind.command))
