"""The embed of the health report."""

import discord

from core.health.actions import Report
from core.kit.discord.ui import Tone, ago, card, duration, lines, safe
from core.kit.health_item import AgeOf, HealthItem
from core.kit.text.words import _

_MARKS = {"ok": "🟢", "warn": "🟡", "down": "🔴"}
_TONES: dict[str, Tone] = {"ok": "success", "degraded": "warning", "down": "error"}


def report_card(found: Report) -> discord.Embed:
    """All parts, those with problems first."""
    titles = {
        "ok": "✅ " + _("Everything works"),
        "degraded": "⚠️ " + _("Working, with warnings"),
        "down": "❌ " + _("Something is down"),
    }
    body = (
        lines([_row(part) for part in found.by_trouble()]) + f"\n-# {_('Checked')} {ago(found.at)}"
    )
    return card(titles[found.overall], body, tone=_TONES[found.overall])


def _row(part: HealthItem) -> str:
    # Never colour alone: a word follows the mark.
    words = {"ok": _("ok"), "warn": _("warning"), "down": _("down")}
    age = "" if part.age_seconds is None else f" · {age_in_words(part.age_of, part.age_seconds)}"
    name, reason = safe(part.name), safe(part.reason, 300)
    return f"{_MARKS[part.state]} **{name}** · {words[part.state]} · {reason}{age}"


def age_in_words(of: AgeOf, seconds: float) -> str:
    """An item's age, and what it means."""
    words = {
        "checked": _("checked {age} ago"),
        "seen": _("last seen {age} ago"),
        "received": _("last received {age} ago"),
        "confirmed": _("last confirmed {age} ago"),
        "oldest": _("the oldest for {age}"),
        "trouble": _("for {age}"),
    }
    return words[of].format(age=duration(max(seconds, 0)))
