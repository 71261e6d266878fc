"""Messages about starting, ending and moving raffles."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import discord

from core.kit.discord.ui import ago, card, lines, safe
from core.kit.runtime.clock import parse_instant
from core.kit.text.words import _, plural
from core.outbox.discord_transport import Rendered
from core.raffle.ledger.messages import (
    add_counts,
    add_prize,
    changes,
    dates_words,
    tickets_words,
    when_words,
    without_prize,
)
from core.raffle.ledger.store import Pool
from core.raffle.periods.actions import Info
from core.raffle.records import Period


def dates(payload: Mapping[str, Any]) -> Rendered:
    """Announcement of a raffle's new dates."""
    starts, ends = (parse_instant(payload[name]) for name in ("starts_at", "ends_at"))
    tone, title = changes()[payload["what"]]
    body = {
        "cancel": _nobody_wins(),
        "end": _("The winners will be drawn next."),
        "prize": _("Ends {when}.").format(when=ago(ends)),
        "move": dates_words(starts, ends),
    }[payload["what"]]
    embed = card(title.format(number=payload["number"]), body, tone=tone)
    return Rendered(add_prize(embed, payload["prize"]))


def opened(period: Period, problem: str) -> discord.Embed:
    """Reply to the admin who opened it. `problem`: why it was not announced, and how to fix
    that."""
    if period.starts_at > period.opened_at:
        title = _("Raffle #{number} is planned").format(number=period.number)
    else:
        title = _("Raffle #{number} is open").format(number=period.number)
    body = dates_words(period.starts_at, period.ends_at)
    if not period.prize:
        body += "\n⚠️ " + _("No prize yet. Set one with `/settings set raffle.prize`.")
    if problem:
        body += "\n⚠️ " + _("The announcement failed. {problem}").format(problem=problem)
    return card("🎟️ " + title, body, tone="success")


def changed(what: str, period: Period) -> discord.Embed:
    """Reply to the admin who ended, cancelled or moved it. Ending a planned raffle cancels it."""
    _tone, title = changes()["cancel" if period.is_cancelled else what]
    if what == "move":
        body = dates_words(period.starts_at, period.ends_at)
    elif what == "cancel":
        body = _("Start another one with `/rafflestart`. Monthly raffles continue next month.")
    else:
        body = _none_follows()
        if not period.is_cancelled:
            body = _("Draw it with `/raffledraw`.") + "\n" + body
    return card(title.format(number=period.number), body, tone="success")


def question(what: str, period: Period, pool: Pool, now: datetime) -> discord.Embed:
    if what == "end" and period.starts_at > now:
        title, body = _("Cancel raffle #{number} before it starts?"), _none_follows()
    elif what == "end":
        title = _("End raffle #{number} now?")
        body = _("Viewers can no longer earn tickets for it. Draw the winners with `/raffledraw`.")
        body += "\n" + _none_follows()
    elif what == "restart":
        title = _("Restart raffle #{number}?")
        body = _(
            "It ends now, but you can still draw it. A new raffle starts with zero tickets and the "
            "same end date."
        )
    else:
        title = _("Cancel raffle #{number}?")
        body = _nobody_wins() + " " + _("This can't be undone.")
    if what != "cancel" and period.starts_at <= now:
        body = without_prize(body, period.prize, has_ended=False)
    embed = card("⚠️ " + title.format(number=period.number), body, tone="warning")
    add_counts(add_prize(embed, period.prize), pool.viewers, pool.tickets)
    dates = dates_words(period.starts_at, period.ends_at)
    return embed.add_field(name=_("Dates"), value=dates, inline=False)


def _none_follows() -> str:
    return _("No new raffle will open until you run `/rafflestart`.")


def _nobody_wins() -> str:
    return _("No winner will be drawn, and its tickets no longer count.")


def info(found: Info) -> discord.Embed:
    """Public information on the raffle, and why its news cannot be posted."""
    period, rows = found.period, []
    if found.problem:
        words = _("Raffle news can't be posted. {problem}")
        rows.append("⚠️ " + words.format(problem=found.problem))
    if period.state == "open":
        rows.append(dates_words(period.starts_at, period.ends_at))
    else:
        rows.append(when_words(period, ended=True))
    title = "🎟️ " + _("Raffle #{number}").format(number=period.number)
    embed = card(title, "\n".join([*rows, "", *earning(found), "-# " + conditions()]), tone="kick")
    prize = safe(period.prize, 300, links=True) or _("not set yet")
    embed.add_field(name=_("Prize"), value=prize, inline=False)
    embed.add_field(name=_("Winners"), value=f"{period.winners_wanted:,}")
    add_counts(embed, found.pool.viewers, found.pool.tickets)
    proof = _("[How the draw works, and how to check it]({page})").format(page=found.page)
    embed.add_field(
        name=_("SHA-256 of the secret seed"),
        value=f"```\n{period.commitment}\n```{proof}",
        inline=False,
    )
    winners = [
        f"[#{past.period.number}]({past.page}) "
        + ", ".join(safe(name, 40) for name in past.winner_names)
        for past in found.past
        if past.winners
    ]
    if winners:
        embed.add_field(name=_("Latest winners"), value=lines(winners, limit=1000), inline=False)
    return embed


def earning(found: Info) -> list[str]:
    """How tickets are earned, a line for each way."""
    settings, ways = found.settings, []
    if settings.tickets_per_gifted_sub:
        tickets = tickets_words(settings.tickets_per_gifted_sub)
        ways.append("🎁 " + _("**{tickets}** for each gifted sub").format(tickets=tickets))
    if settings.tickets_per_hour:
        words = _(
            "**{tickets}** for each hour watched: you earn watchtime for {minutes} after each "
            "message in chat while the stream is live"
        )
        minutes = plural("{count} minute", "{count} minutes", found.window_minutes)
        tickets = tickets_words(settings.tickets_per_hour)
        ways.append("⏱️ " + words.format(tickets=tickets, minutes=minutes))
    if found.counts_wagers and settings.tickets_per_1000_wagered:
        words = _("**{tickets}** for each $1,000 wagered with a verified account (18+)")
        tickets = tickets_words(settings.tickets_per_1000_wagered)
        ways.append("🎰 " + words.format(tickets=tickets))
    return ways


def conditions() -> str:
    return _(
        "Tickets count for linked accounts (`/link`); anonymous gifts earn none. If you leave the "
        "Discord server you stay in the raffle; to drop out, use `/unlink`."
    )
