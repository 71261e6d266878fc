"""What people read about starting, ending and moving raffles."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import discord
from discord.utils import format_dt

from core.kit.clock import parse_instant
from core.kit.discord_ui import ago, card, lines, safe
from core.kit.words import _, plural
from core.outbox.discord_transport import Rendered
from core.raffle.ledger.messages import tickets_words, when_words
from core.raffle.ledger.standings import Pool
from core.raffle.periods.actions import Info
from core.raffle.records import Period


def dates(payload: Mapping[str, Any]) -> Rendered:
    """A raffle's dates were changed, for everybody who takes part."""
    ends = parse_instant(payload["ends_at"])
    number = payload["number"]
    if payload["what"] == "cancel":
        title = _("Raffle #{number} is cancelled").format(number=number)
        body = _("No winner will be drawn, and its tickets no longer count.")
        embed = card("✖️ " + title, body, tone="warning")
    elif payload["what"] == "end":
        title, body = _("Raffle #{number} has ended").format(number=number), _("It is drawn next.")
        embed = card("🏁 " + title, body, tone="system")
    elif payload["what"] == "prize":
        title = _("Raffle #{number} has a prize").format(number=number)
        embed = card("🎁 " + title, _("Ends {when}.").format(when=ago(ends)), tone="system")
    else:
        title = _("Raffle #{number} has other dates").format(number=number)
        embed = card(
            "📅 " + title, _from_to(parse_instant(payload["starts_at"]), ends), tone="system"
        )
    if payload["prize"]:
        embed.add_field(name=_("Prize"), value=safe(payload["prize"], 300))
    return Rendered(embed)


def _from_to(starts: datetime, ends: datetime) -> str:
    return _("From {start} to {end} ({when}).").format(
        start=format_dt(starts, "f"), end=format_dt(ends, "f"), when=ago(ends)
    )


def opened(period: Period, problem: str) -> discord.Embed:
    """The answer to whoever opened it. `problem`: why it is not announced, and what helps."""
    if period.starts_at > period.opened_at:
        title = _("Raffle #{number} is planned").format(number=period.number)
    else:
        title = _("Raffle #{number} is open").format(number=period.number)
    body = _from_to(period.starts_at, period.ends_at)
    if not period.prize:
        body += "\n⚠️ " + _("No prize yet. Set one with `/settings set raffle.prize`.")
    if problem:
        body += "\n⚠️ " + _("It was not announced. {problem}").format(problem=problem)
    return card("🎟️ " + title, body, tone="success")


def moved(period: Period) -> discord.Embed:
    """The answer to whoever changed the dates."""
    title = _("Raffle #{number} has these dates now").format(number=period.number)
    return card("📅 " + title, _from_to(period.starts_at, period.ends_at), tone="success")


def question(what: str, period: Period, pool: Pool, now: datetime) -> discord.Embed:
    """What will happen when an admin says yes."""
    if what == "end" and period.starts_at > now:
        title = _("Cancel raffle #{number} before it begins?")
        body = _no_more()
    elif what == "end":
        title = _("End raffle #{number} now?")
        body = (
            _("No more tickets can be earned then. Draw the winners with `/raffledraw`.")
            + "\n"
            + _no_more()
        )
    elif what == "restart":
        title = _("Restart raffle #{number}?")
        body = _(
            "It ends now, and you can still draw it. A new raffle starts with zero tickets and the "
            "same end date."
        )
    else:
        title = _("Cancel raffle #{number}?")
        body = _("No winner will be drawn, and its tickets no longer count. This can't be undone.")
    embed = card("⚠️ " + title.format(number=period.number), body, tone="warning")
    if period.prize:
        embed.add_field(name=_("Prize"), value=safe(period.prize, 300), inline=False)
    embed.add_field(name=_("Entrants"), value=f"{pool.viewers:,}")
    embed.add_field(name=_("Tickets"), value=f"{pool.tickets:,}")
    dates = _from_to(period.starts_at, period.ends_at)
    embed.add_field(name=_("Dates"), value=dates, inline=False)
    return embed


def cancelled(period: Period) -> discord.Embed:
    """The answer to whoever cancelled it."""
    title = _("Raffle #{number} is cancelled").format(number=period.number)
    body = _("Start another one with `/rafflestart`. Monthly raffles go on with the next month.")
    return card("✖️ " + title, body, tone="success")


def ended(period: Period) -> discord.Embed:
    """The answer to whoever ended it."""
    if period.state == "closed":
        title = _("Raffle #{number} is cancelled").format(number=period.number)
        return card("✖️ " + title, _no_more(), tone="success")
    title = _("Raffle #{number} has ended").format(number=period.number)
    body = _("Draw it with `/raffledraw`.")
    return card("🏁 " + title, f"{body}\n{_no_more()}", tone="success")


def _no_more() -> str:
    return _("No new raffle will open until you run `/rafflestart`.")


def info(found: Info) -> discord.Embed:
    """The raffle as everybody may know it, and why its news cannot be posted."""
    period, problem = found.period, []
    if found.problem:
        words = _("Raffle news is not posted. {problem}")
        problem.append("⚠️ " + words.format(problem=found.problem))
    if period is None:
        body = _("An admin opens the first one with `/rafflestart`.")
        return card("🎟️ " + _("There is no raffle yet"), "\n".join([*problem, body]))
    embed = card(
        "🎟️ " + _("Raffle #{number}").format(number=period.number),
        "\n".join([*problem, _span(period), "", *_ways(found)]),
        tone="kick",
    )
    embed.add_field(
        name=_("Prize"), value=safe(period.prize, 300) or _("not named yet"), inline=False
    )
    embed.add_field(name=_("Winners"), value=f"{period.winners_wanted:,}")
    if found.pool is not None:
        embed.add_field(name=_("Entrants"), value=f"{found.pool.viewers:,}")
        embed.add_field(name=_("Tickets"), value=f"{found.pool.tickets:,}")
    embed.add_field(
        name=_("SHA-256 of the secret seed"),
        value=f"```\n{period.commitment}\n```"
        + _("[How the draw works, and how to check it]({page})").format(page=found.page),
        inline=False,
    )
    if winners := _last_winners(found):
        embed.add_field(name=_("Last winners"), value=winners, inline=False)
    return embed


def _span(period: Period) -> str:
    if period.state != "open":
        return when_words(period, ended=True)
    span = _("From {start} to {end}").format(
        start=format_dt(period.starts_at, "f"), end=format_dt(period.ends_at, "f")
    )
    return f"{span} ({ago(period.ends_at)})"


def _ways(found: Info) -> list[str]:
    ways = []
    if found.per_gift:
        ways.append(
            "🎁 "
            + _("**{tickets}** for each gifted sub").format(tickets=tickets_words(found.per_gift))
        )
    if found.per_hour:
        minutes = plural("{count} minute", "{count} minutes", found.window_minutes)
        ways.append(
            "⏱️ "
            + _(
                "**{tickets}** for each hour watched: you are counted for {minutes} after each "
                "message in chat while the stream is live"
            ).format(tickets=tickets_words(found.per_hour), minutes=minutes)
        )
    if found.per_thousand:
        tickets = tickets_words(found.per_thousand)
        ways.append(
            "🎰 "
            + _("**{tickets}** for each $1,000 wagered with a verified account (18+)").format(
                tickets=tickets
            )
        )
    ways.append(
        "-# "
        + _(
            "Tickets count for linked accounts (`/link`); anonymous gifts earn none. If you leave "
            "the Discord server you stay in the raffle; to drop out, use `/unlink`."
        )
    )
    return ways


def _last_winners(found: Info) -> str:
    rows = [
        f"[#{past.number}]({past.page}) "
        + ", ".join(safe(name, 40) for name, _state in past.winners)
        for past in found.past
        if past.winners
    ]
    return lines(rows, limit=1000)
