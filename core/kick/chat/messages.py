"""How the configuration and the self-test look in Discord."""

from collections.abc import Sequence

import discord

from core.kick.chat.report import Line
from core.kick.chat.selftest import Result
from core.kit.discord_ui import ago, card, lines, safe
from core.kit.words import _

_MARKS = {"ok": "🟢", "warn": "🟡", "down": "🔴"}


def report(found: Sequence[Line]) -> discord.Embed:
    """Each check with a mark, a word and what to do."""
    states = {line.state for line in found}
    rows = lines([_row(line) for line in found])
    if "down" in states:
        return card("❌ " + _("Kick does not work yet"), rows, tone="error")
    if "warn" in states:
        return card("⚠️ " + _("Kick works, with warnings"), rows, tone="warning")
    return card("✅ " + _("Kick is set up correctly"), rows, tone="success")


def _row(line: Line) -> str:
    # Never colour alone: a word follows the mark.
    words = {"ok": _("ok"), "warn": _("warning"), "down": _("down")}
    at = "" if line.at is None else f" · {line.dated} {ago(line.at)}"
    row = f"{_MARKS[line.state]} **{safe(line.name)}** · {words[line.state]} · "
    row += f"{safe(line.found)}{at}"
    return row + (f"\n-# ↳ {line.remedy}" if line.remedy else "")


def selftest(result: Result) -> discord.Embed:
    """Whether a line was sent and came back."""
    if result.returned_after is not None:
        body = (
            _("A line went to Kick's chat and came back over the realtime feed after {time} s.")
            if result.by_feed
            else _("A line went to Kick's chat and came back as a webhook after {time} s.")
        ).format(time=f"{result.returned_after:.1f}")
        return card("✅ " + _("Kick works in both directions"), body, tone="success")
    if result.was_sent and result.by_feed:
        return card(
            "❌ " + _("The line was said, but the realtime feed did not show it"),
            _("Your chat comes from there (KICK_USE_KICKPYTHON_WS): see `/check_kick_config`."),
            tone="error",
        )
    if result.was_sent:
        return card(
            "❌ " + _("The line was said, but no webhook came back"),
            _(
                "Kick's webhooks do not reach this server. Check the webhook URL of your Kick "
                "app, that it is switched on there, and `/check_kick_config`."
            ),
            tone="error",
        )
    return card(
        "❌ " + _("The line could not be sent"),
        safe(result.trouble or _("It is still waiting; look at `/health`."), 1000),
        tone="error",
    )


def said(line: str) -> discord.Embed:
    """After `/say`: it is said in a moment, in its turn."""
    return card("💬 " + _("Kick's chat will read it in a moment"), safe(line, 500), tone="kick")
