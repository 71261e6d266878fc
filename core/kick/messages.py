"""Embeds: alerts, the configuration, the self-test and the webhook log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import discord

from core.kick.chat.report import Line
from core.kick.chat.selftest import Result
from core.kick.intake.records import LogLine
from core.kick.intake.rules import LATE
from core.kit.discord_ui import ago, card, duration, lines, safe
from core.kit.words import _, plural
from core.outbox.discord_transport import Rendered

# -- alerts ---------------------------------------------------------------------------------------


def no_events(payload: Mapping[str, Any]) -> Rendered:
    """No chat arrives from a live channel. Payload: `slug`, `since`, `evidence`."""
    reasons = {
        "chat": _("Kick's realtime feed shows chat, but no webhook comes."),
        "subscription": _("Kick has no webhook subscription for chat."),
        "selftest": _("The bot's self-test line did not come back."),
        "feed": _("Kick's realtime feed is not connected."),
    }
    since = datetime.fromisoformat(payload["since"])
    body = _("**{channel}** is live, but no chat has arrived since {time}.").format(
        channel=safe(payload["slug"]), time=f"<t:{int(since.timestamp())}:t>"
    )
    remedy = _(
        "Run `/check_kick_config` to see what is missing. What Kick does not send is not counted."
    )
    title = "🔇 " + _("No chat received from Kick")
    text = "\n".join([body, reasons[payload.get("evidence", "chat")], remedy])
    change = _("Change when and where: /settings set (kick.no_events_minutes, kick.admin_channel)")
    return Rendered(card(title, text, tone="warning", footer=change))


def no_events_over(payload: Mapping[str, Any]) -> Rendered:
    """The alert is over. Payload: `slug`, `since`, `at`, `why`."""
    since, at = (datetime.fromisoformat(payload[name]) for name in ("since", "at"))
    given = {"channel": safe(payload["slug"]), "silence": duration((at - since).total_seconds())}
    if payload["why"] == "ended":
        title = "⚫ " + _("The stream ended without chat from Kick")
        body = _("**{channel}** is offline now. No chat arrived for {silence}.")
        return Rendered(card(title, body.format_map(given)))
    body = _("No chat of **{channel}** arrived for {silence}.")
    title = "🔊 " + _("Receiving chat from Kick again")
    return Rendered(card(title, body.format_map(given), tone="success"))


def wrong_chatroom(payload: Mapping[str, Any]) -> Rendered:
    """The feed shows another chat. Payload: `slug`, `chatroom_id`."""
    embed = card(
        "💬 " + _("The chatroom id seems to be wrong"),
        _(
            "Kick's realtime feed of chatroom `{id}` shows nothing of the chat of **{channel}**. "
            "Gifts and subs that a webhook loses are not noticed.\nRun `/sync_kick`, or set the id "
            "with `/set_chatroom`."
        ).format(id=payload["chatroom_id"], channel=safe(payload["slug"])),
        tone="warning",
    )
    return Rendered(embed)


# -- configuration and self-test ------------------------------------------------------------------

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
        safe(result.trouble or _("It is still waiting; see `/health`."), 1000),
        tone="error",
    )


def said(line: str) -> discord.Embed:
    """After `/say`."""
    return card("💬 " + _("Kick's chat will read it in a moment"), safe(line, 500), tone="kick")


# -- webhook log ----------------------------------------------------------------------------------

_OUTCOME_MARKS = {"stored": "🟢", "seen": "🔁", "ignored": "⚪", "unverified": "⏳"}


def webhook_log(found: Sequence[LogLine], unattributed: Mapping[str, int]) -> discord.Embed:
    """A server's newest deliveries, and how many cannot be attributed to a server."""
    title = "📬 " + _("What Kick delivered last")
    rows = [_delivery(line) for line in found] or [
        _("Nothing yet. Write in your Kick chat to test it.")
    ]
    if not unattributed:
        return card(title, lines(rows), tone="kick")
    why = ", ".join(f"{_outcome(name)}: {count}" for name, count in sorted(unattributed.items()))
    footer = plural(
        "{count} unattributed request in the last day",
        "{count} unattributed requests in the last day",
        sum(unattributed.values()),
    )
    return card(title, lines(rows), tone="kick", footer=f"{footer} ({why})")


def _delivery(line: LogLine) -> str:
    mark = _OUTCOME_MARKS.get(line.outcome, "🔴")
    row = f"{mark} {ago(line.at)} · `{safe(line.kind, 60)}` · {_outcome(line.outcome)}"
    if line.sent_at is None:
        return row
    delay = (line.at - line.sent_at).total_seconds()
    late = "⚠️ " if delay > LATE.total_seconds() else ""
    # Kick signs whole seconds, and its clock is not ours.
    return f"{row} · {late}{_('after')} {duration(max(delay, 0))}"


def _outcome(name: str) -> str:
    """What became of a delivery, in words."""
    words = {
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
    return words.get(name, name)
