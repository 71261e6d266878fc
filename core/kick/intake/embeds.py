"""How the webhook log looks in Discord."""

from collections.abc import Mapping, Sequence

import discord

from core.kick.intake.log_store import Line
from core.kick.intake.rules import LATE
from core.kit.discord_ui import ago, card, duration, lines, safe
from core.kit.words import _, plural

_MARKS = {"stored": "🟢", "seen": "🔁", "ignored": "⚪", "unverified": "⏳"}


def webhook_log(found: Sequence[Line], unattributed: Mapping[str, int]) -> discord.Embed:
    """A server's newest deliveries, and how many cannot be attributed to a server."""
    title = "📬 " + _("What Kick delivered last")
    rows = [_row(line) for line in found] or [_("Nothing yet. Write in your Kick chat to test it.")]
    footer = ""
    if unattributed:
        total = sum(unattributed.values())
        why = ", ".join(
            f"{outcomes()[name]}: {count}" for name, count in sorted(unattributed.items())
        )
        footer = plural(
            "{count} unattributed request in the last day",
            "{count} unattributed requests in the last day",
            total,
        )
        footer = f"{footer} ({why})"
    return card(title, lines(rows), tone="kick", footer=footer)


def outcomes() -> "_Words":
    """Outcome -> what it means, in words."""
    return _Words(
        {
            "stored": _("processed"),
            "seen": _("duplicate"),
            "ignored": _("not used"),
            "unverified": _("waits to be verified"),
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
    """A missing word is shown as its key."""

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
