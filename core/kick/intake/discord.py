"""`/webhooklog`: what Kick delivered last."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import discord
from discord import app_commands
from discord.ext import commands

from core.kick.intake.log import count_unattributed, list_newest_lines
from core.kick.intake.records import LogLine
from core.kick.intake.rules import LATE
from core.kit.discord_ui import PRIVATE, ago, answer, card, duration, lines, run_action, safe
from core.kit.words import _, plural
from core.kit.work import Work

SHOWN = 10
A_DAY = timedelta(days=1)

_MARKS = {"stored": "🟢", "seen": "🔁", "ignored": "⚪", "unverified": "⏳"}


class WebhookLogbook(commands.Cog):
    """What Kick delivered, and what became of it."""

    @commands.hybrid_command(name="webhooklog", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def webhooklog(self, ctx: commands.Context[commands.Bot]) -> None:
        """Show Kick's last deliveries for this server, and what became of them."""
        await answer(ctx, webhook_log(*await run_action(ctx, _read)))


def _read(work: Work) -> tuple[list[LogLine], dict[str, int]]:
    newest = list_newest_lines(work.tx, work.guild_id, SHOWN)
    return newest, count_unattributed(work.tx, work.now - A_DAY)


def webhook_log(found: Sequence[LogLine], unattributed: Mapping[str, int]) -> discord.Embed:
    """A server's newest deliveries, and how many cannot be attributed to a server."""
    title = "📬 " + _("What Kick delivered last")
    rows = [_row(line) for line in found] or [_("Nothing yet. Write in your Kick chat to test it.")]
    if not unattributed:
        return card(title, lines(rows), tone="kick")
    why = ", ".join(f"{_outcome(name)}: {count}" for name, count in sorted(unattributed.items()))
    footer = plural(
        "{count} unattributed request in the last day",
        "{count} unattributed requests in the last day",
        sum(unattributed.values()),
    )
    return card(title, lines(rows), tone="kick", footer=f"{footer} ({why})")


def _row(line: LogLine) -> str:
    mark = _MARKS.get(line.outcome, "🔴")
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
