"""How the product's health looks in Discord."""

from collections.abc import Sequence

import discord

from core.health.actions import Report
from core.kit.discord_ui import Tone, ago, card, duration, lines, safe
from core.kit.health_item import AgeOf, HealthItem
from core.kit.words import _

_MARKS = {"ok": "🟢", "warn": "🟡", "down": "🔴"}
_TONES: dict[str, Tone] = {"ok": "success", "degraded": "warning", "down": "error"}


def report(found: Report) -> discord.Embed:
    """All parts, the ones in trouble first."""
    titles = {
        "ok": "✅ " + _("Everything works"),
        "degraded": "⚠️ " + _("Working, with warnings"),
        "down": "❌ " + _("Something does not work"),
    }
    order = {"down": 0, "warn": 1, "ok": 2}
    parts = sorted(found.parts, key=lambda part: order[part.state])
    body = lines([_row(part) for part in parts]) + f"\n-# {_('Checked')} {ago(found.at)}"
    return card(titles[found.overall], body, tone=_TONES[found.overall])


def _row(part: HealthItem) -> str:
    # Never colour alone: the word stands beside the mark.
    words = {"ok": _("ok"), "warn": _("warning"), "down": _("down")}
    age = "" if part.age_seconds is None else f" · {_age(part.age_of, part.age_seconds)}"
    name, reason = safe(part.name), safe(part.reason, 300)
    return f"{_MARKS[part.state]} **{name}** · {words[part.state]} · {reason}{age}"


def _age(of: AgeOf, seconds: float) -> str:
    words = {
        "checked": _("checked {age} ago"),
        "seen": _("last seen {age} ago"),
        "received": _("last received {age} ago"),
        "confirmed": _("last confirmed {age} ago"),
        "oldest": _("the oldest for {age}"),
        "trouble": _("for {age}"),
    }
    return words[of].format(age=duration(max(seconds, 0)))


def can_be_retried(parts: Sequence[HealthItem]) -> bool:
    """Whether something that was given up can be tried again."""
    return any(part.can_be_retried for part in parts)
