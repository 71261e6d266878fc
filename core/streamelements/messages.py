"""Embeds: the connected account, and changes of points that admins decide."""

from collections.abc import Mapping
from typing import Any

import discord

from core.guilds.connections import messages as connections
from core.kit.discord.ui import card, safe
from core.kit.text.words import _, plural
from core.outbox.discord_transport import Rendered
from core.streamelements.actions import ACCOUNT


def invitation(server: str) -> discord.Embed:
    """Above the button that asks for the token."""
    body = _(
        "This lets **{server}** use the points that viewers have at StreamElements. You need the "
        "JWT token of the channel: on StreamElements, open your account page, *Channels*, *Show "
        "secrets*, and copy *JWT Token*."
    ).format(server=safe(server))
    note = _("The token gives full access to the channel. It is stored encrypted and never shown.")
    return connections.invitation(ACCOUNT, body, note)


def unclear(payload: Mapping[str, Any]) -> discord.Embed:
    """Alert to the admins. Payload: `number`, `purpose`, `count`, `total`, `rows`."""
    body = _(
        "**{purpose}**: a change of points for {viewers} ({total}) was sent, but StreamElements "
        "did not answer, and the balances do not show whether it was applied."
    )
    todo = _(
        "Check their points on StreamElements, then press a button, or decide for each viewer on "
        "the dashboard. The bot never retries it, and the next heist does not wait."
    )
    title = "❓ " + _("Was this change of points applied?")
    return card(title, f"{_filled(body, payload)}\n{_changes(payload)}\n{todo}", tone="warning")


def not_made(payload: Mapping[str, Any]) -> Rendered:
    """Alert to the admins. Payload: as for `unclear`, and `reason`."""
    body = _("**{purpose}**: a change of points for {viewers} ({total}) failed: {reason}.")
    rest = _("The balances did not change. The bot does not retry it.")
    title = "⚠️ " + _("A change of points failed")
    text = f"{_filled(body, payload)}\n{_changes(payload)}\n{rest}"
    return Rendered(card(title, text, tone="warning"))


def _filled(body: str, payload: Mapping[str, Any]) -> str:
    viewers = plural("{count} viewer", "{count} viewers", payload["count"])
    purpose, total = safe(payload["purpose"]), f"{payload['total']:+,}"
    return body.format(
        purpose=purpose, total=total, viewers=viewers, reason=safe(payload["reason"])
    )


def _changes(payload: Mapping[str, Any]) -> str:
    """A line per viewer: the change, and the balance before and at the last check."""
    rows = []
    for change in payload["rows"]:
        row = f"{safe(change['viewer'])}: {change['points']:+,}"
        if change["held"] is not None and change["balance"] is not None:
            row += " · " + _("had {held}, now {balance}").format(
                held=f"{change['held']:,}", balance=f"{change['balance']:,}"
            )
        rows.append(row)
    if payload["count"] > len(rows):
        more = payload["count"] - len(rows)
        rows.append(_("… and {count} more").format(count=f"{more:,}"))
    return "\n".join(rows)


def decided(purpose: str, applied: bool) -> discord.Embed:
    text = _("Marked as applied: {purpose}.") if applied else _("Marked as not applied: {purpose}.")
    return card("✅ " + _("Decided"), text.format(purpose=safe(purpose)), tone="success")
