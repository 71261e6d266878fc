"""How the webhook log and the alarm look in Discord."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import discord

from core.kick.intake.log_store import Line
from core.kick.intake.rules import LATE
from core.kit.discord_ui import ago, card, duration, lines, safe
from core.kit.words import _, plural
from core.outbox.discord_courier import Rendered

_MARKS = {"stored": "🟢", "seen": "🔁", "ignored": "⚪", "held": "⏳"}


def webhook_log(found: Sequence[Line], nobodys: Mapping[str, int]) -> discord.Embed:
    """A server's newest deliveries, and how many came of which it is not known whose they are."""
    title = "📬 " + _("What Kick delivered last")
    rows = [_row(line) for line in found] or [_("Nothing yet. Write in your Kick chat to test it.")]
    footer = ""
    if nobodys:
        total = sum(nobodys.values())
        why = ", ".join(f"{outcomes()[name]}: {count}" for name, count in sorted(nobodys.items()))
        footer = plural(
            "{count} request of the last day was nobody's",
            "{count} of the last day were nobody's",
            total,
        )
        footer = f"{footer} ({why})"
    return card(title, lines(rows), tone="kick", footer=footer)


def outcomes() -> "_Words":
    """Outcome -> what it means, in words."""
    return _Words(
        {
            "stored": _("taken"),
            "seen": _("known already"),
            "ignored": _("not used"),
            "held": _("waits to be verified"),
            "missing_header": _("refused: a header is missing"),
            "bad_json": _("refused: not JSON"),
            "bad_timestamp": _("refused: no instant"),
            "bad_signature": _("refused: not signed by Kick"),
            "stale": _("refused: too old"),
            "unknown_channel": _("refused: a channel that no server follows"),
            "too_large": _("refused: too large"),
            "not_json": _("refused: not JSON"),
            "wrong_shape": _("refused: it does not fit its type"),
        }
    )


class _Words(dict[str, str]):
    """A word that is missing stands for itself."""

    def __missing__(self, key: str) -> str:
        return key


def _row(line: Line) -> str:
    mark = _MARKS.get(line.outcome, "🔴")
    said = f"{mark} {ago(line.at)} · `{safe(line.kind, 60)}` · {outcomes()[line.outcome]}"
    if line.sent_at is None:
        return said
    delay = (line.at - line.sent_at).total_seconds()
    late = "⚠️ " if delay > LATE.total_seconds() else ""
    # Kick signs whole seconds, and its clock is not ours.
    return f"{said} · {late}{_('after')} {duration(max(delay, 0))}"


def deaf(payload: Mapping[str, Any]) -> Rendered:
    """A live channel is not heard."""
    since = datetime.fromisoformat(payload["since"])
    embed = card(
        "🔇 " + _("I cannot hear your Kick channel"),
        _(
            "**{channel}** is live, but nothing has arrived from Kick {since}. If your chat is "
            "really that quiet, all is well. Otherwise write a line there; if it changes nothing, "
            "see `/webhooklog` and `/health`. What Kick does not send cannot be counted."
        ).format(channel=safe(payload["slug"]), since=_("since") + f" {ago(since)}"),
        tone="warning",
        footer=_(
            "How long, and where to tell: /settings set (kick.deaf_minutes, kick.admin_channel)"
        ),
    )
    return Rendered(embed)


def deaf_over(payload: Mapping[str, Any]) -> Rendered:
    """The silence is over."""
    since, at = (datetime.fromisoformat(payload[name]) for name in ("since", "at"))
    silence = duration((at - since).total_seconds())
    if payload["why"] == "ended":
        text = _("**{channel}** is offline now. It had not been heard for {silence}.")
        title = "⚫ " + _("The stream ended in silence")
        body = text.format(channel=safe(payload["slug"]), silence=silence)
        return Rendered(card(title, body))
    embed = card(
        "🔊 " + _("I can hear your Kick channel again"),
        _("**{channel}** was silent for {silence}.").format(
            channel=safe(payload["slug"]), silence=silence
        ),
        tone="success",
    )
    return Rendered(embed)
