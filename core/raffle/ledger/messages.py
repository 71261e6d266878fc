"""Messages about tickets, in Discord and in chat."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import discord
from discord.utils import format_dt
from sqlalchemy import Row

from core.kit.discord import leaderboard
from core.kit.discord.ui import Tone, ago, card, duration, lines, mention, safe
from core.kit.runtime.clock import parse_instant
from core.kit.text.words import _, plural
from core.outbox.discord_transport import Rendered
from core.people.records import Viewer
from core.raffle.ledger.actions import Standing
from core.raffle.ledger.gifts import Voided
from core.raffle.ledger.store import Pool
from core.raffle.records import Entry, Period
from core.raffle.rules import chance_words


def tickets_words(count: int) -> str:
    """`1 ticket`, `1,200 tickets`."""
    return plural("{count} ticket", "{count} tickets", count)


def source_words(source: str) -> str:
    return {
        "watchtime": "⏱️ " + _("Watching"),
        "gifted_sub": "🎁 " + _("Gifted subs"),
        "wager": "🎰 " + _("Wagers"),
        "hunt": "🔮 " + _("Best guess of a bonus hunt"),
        "points": "🪙 " + _("Bought with points"),
        "bonus": "⭐ " + _("Given by an admin"),
        "correction": "✏️ " + _("Corrections"),
        "forgotten": "🧹 " + _("Data deleted"),
    }[source]


def dates_words(starts_at: datetime, ends_at: datetime) -> str:
    """Start and end, with the time from now."""
    return _("From {start} to {end} ({when}).").format(
        start=format_dt(starts_at, "f"), end=format_dt(ends_at, "f"), when=ago(ends_at)
    )


def add_prize(embed: discord.Embed, prize: str) -> discord.Embed:
    if prize:
        embed.add_field(name=_("Prize"), value=safe(prize, 300, links=True), inline=False)
    return embed


def without_prize(body: str, prize: str, *, has_ended: bool) -> str:
    """Text of a confirmation, with a warning if no prize is set."""
    if prize:
        return body
    if has_ended:
        return body + "\n⚠️ " + _("No prize is set, so winner posts won't mention one.")
    warning = _("No prize yet. Set one with `/settings set raffle.prize`.")
    return f"{body}\n⚠️ {warning} " + _("It can't be set after the raffle ends.")


def add_counts(embed: discord.Embed, entrants: int, tickets: int, left_out: int = 0) -> None:
    """Add the numbers of entrants and tickets."""
    embed.add_field(name=_("Entrants"), value=f"{entrants:,}")
    embed.add_field(name=_("Tickets"), value=f"{tickets:,}")
    if left_out:
        value = _("{count} not linked or excluded").format(count=f"{left_out:,}")
        embed.add_field(name=_("Left out"), value=value)


# -- one's own ------------------------------------------------------------------------------------


def not_linked() -> discord.Embed:
    body = _(
        "Everything you've already earned in this raffle will count: gifted subs and the time you "
        "watched."
    )
    return card("🎟️ " + _("Link your account to see your tickets"), body)


def standing(current: Standing) -> discord.Embed:
    """A viewer's tickets with rank, chance, sources and the time to the next one."""
    own, period = current.own, current.period
    parts = [f"## {tickets_words(own.tickets)}", _place(current), *_sources(own.sources)]
    if current.until_next is not None:
        time = duration(max(1.0, current.until_next.total_seconds()))
        parts += ["", "-# " + _("Next ticket in {time} of watchtime.").format(time=time)]
    title, footer = f"🎟️ {safe(current.viewer.name, 60)}", _("Every entry: /why")
    embed = card(title, "\n".join(parts), tone="kick", footer=footer)
    embed.add_field(
        name=_("Raffle #{number}").format(number=period.number),
        value=when_words(period, current.ended),
    )
    return add_prize(embed, period.prize)


def _place(current: Standing) -> str:
    own = current.own
    if own.rank is None:
        if own.tickets == 0 and current.period.frozen_at:
            return _("No tickets in this raffle.")
        if own.tickets == 0:
            return _("No tickets in this raffle yet.")
        if current.period.frozen_at:
            return "🚫 " + _(
                "They aren't in this draw: the account was not linked, or was excluded, when the "
                "ticket list was frozen."
            )
        if not own.linked:
            return _waits_for_link()
        return "🚫 " + _("They don't count: the moderators excluded this viewer from winning.")
    rank = _("rank **{rank}** of {viewers}").format(
        rank=f"{own.rank:,}", viewers=f"{own.pool.viewers:,}"
    )
    odds = _("chance **{chance}** of {tickets}").format(
        chance=chance_words(own.tickets, own.pool.tickets), tickets=tickets_words(own.pool.tickets)
    )
    return f"{leaderboard.MEDALS.get(own.rank, '🏅')} {rank} · {odds}"


def _waits_for_link() -> str:
    return "⏳ " + _("They count once the account is linked: `/link`.")


def _sources(sources: Sequence[tuple[str, int]]) -> list[str]:
    return [f"{source_words(source)}: **{tickets:,}**" for source, tickets in sources]


def when_words(period: Period, ended: bool) -> str:
    """The state of a raffle between its start and its draw."""
    if period.is_cancelled:
        return _("cancelled")
    if period.state == "frozen":
        return _("ticket list frozen, waiting for the draw")
    if period.state != "open":
        return _("drawn · ended {when}").format(when=ago(period.ends_at))
    if ended:
        return _("ended {when}, not drawn yet").format(when=ago(period.ends_at))
    if period.starts_at > period.opened_at:
        return _("{start} to {end}").format(
            start=format_dt(period.starts_at, "f"), end=format_dt(period.ends_at, "f")
        )
    return _("ends {when}").format(when=ago(period.ends_at))


def why(viewer: Viewer, number: int, tickets: int, entries: Sequence[Entry]) -> discord.Embed:
    """A page of a viewer's ticket entries, newest first."""
    title = _("{name}: {tickets} in raffle #{number}").format(
        name=safe(viewer.name, 60), tickets=tickets_words(tickets), number=number
    )
    rows = [_entry(entry) for entry in entries]
    body = lines(rows) or _("No tickets yet. `/raffleinfo` shows how to earn them.")
    return card("🔎 " + title, body)


def _entry(row: Entry) -> str:
    taken_back = row.source == "gifted_sub" and row.amount < 0
    source = "↩️ " + _("Gift refunded") if taken_back else source_words(row.source)
    parts = [f"`{row.amount:+,}`", source, format_dt(row.at, "f")]
    if row.actor is not None:
        parts.append(mention(row.actor))
    if row.reason:
        parts.append(safe(row.reason, 120))
    return " · ".join(parts)


# -- everybody's ----------------------------------------------------------------------------------


def board_row(place: Row[Any], name: str, pool: Pool) -> leaderboard.Row:
    """A place of `list_places`."""
    share = chance_words(place.tickets, pool.tickets)
    return leaderboard.Row(place.rank, name, f"{place.tickets:,} · {share}")


def stats(
    viewer: Viewer | None,
    pool: Pool | None,
    sources: Sequence[tuple[str, int]],
    raffles: Sequence[Row[Any]],
) -> discord.Embed:
    """The server's raffles in numbers, or a viewer's. `raffles` are those of `list_taken`."""
    title = _("Raffle statistics")
    if viewer is not None:
        title = _("{name} in raffles").format(name=safe(viewer.name, 60))
    rows = _sources(sources) or [_("No tickets yet.")]
    if pool is not None:
        words = _("In this raffle **{tickets}** of {viewers} can win.")
        viewers = plural("{count} viewer", "{count} viewers", pool.viewers)
        rows.insert(0, words.format(tickets=tickets_words(pool.tickets), viewers=viewers))
    rows.append("")
    for raffle in raffles:
        parts = [
            f"`#{raffle.number}`",
            format_dt(raffle.ends_at, "d"),
            tickets_words(raffle.tickets),
        ]
        if viewer is None:
            parts.append(plural("{count} viewer", "{count} viewers", raffle.viewers))
        if raffle.won:
            parts.append("🏆 " + plural("{count} prize", "{count} prizes", raffle.won))
        rows.append(" · ".join(parts))
    return card("📊 " + title, lines(rows), tone="kick")


# -- answers to admins ----------------------------------------------------------------------------


def changed(now: Standing, amount: int) -> discord.Embed:
    title = _("{name} now has {tickets}").format(
        name=safe(now.viewer.name, 60), tickets=tickets_words(now.own.tickets)
    )
    body = f"`{amount:+,}` · " + _("raffle #{number}").format(number=now.period.number)
    if not now.own.linked:
        body += "\n" + _waits_for_link()
    return card("✅ " + title, body, tone="success")


def given(drops: Sequence[Row[Any]]) -> discord.Embed:
    rows = []
    for drop in drops:
        subs = plural("{count} gifted sub", "{count} gifted subs", drop.gifts)
        parts = [format_dt(drop.at, "f"), subs, tickets_words(drop.tickets)]
        if drop.voided:
            parts.append("↩️ " + plural("{count} voided", "{count} voided", drop.voided))
        rows.append(" · ".join(parts))
    hint = _("Choose the refunded gift. Its tickets are removed, and the log shows it.")
    title = _("Gifts from {name}").format(name=safe(drops[0].name, 60))
    return card("🎁 " + title, lines([*rows, "", hint], limit=3800), tone="warning")


def voided(done: Voided) -> discord.Embed:
    title = _("{tickets} removed from {name}").format(
        tickets=tickets_words(done.taken), name=safe(done.name, 60)
    )
    body = plural("For {count} gifted sub.", "For {count} gifted subs.", done.gifts)
    if done.missing:
        body += "\n⚠️ " + plural(
            "{count} ticket had already been removed.",
            "{count} tickets had already been removed.",
            done.missing,
        )
    if done.frozen:
        body += "\n⚠️ " + plural(
            "{count} sub can't be voided, because it counts in a frozen list.",
            "{count} subs can't be voided, because they count in a frozen list.",
            done.frozen,
        )
    return card("↩️ " + title, body, tone="success")


# -- posts ----------------------------------------------------------------------------------------


def gift(payload: Mapping[str, Any]) -> Rendered:
    gifts = plural("{count} sub", "{count} subs", payload["gifts"])
    if not payload["name"]:
        title = _("An anonymous viewer gifted {gifts}: thank you!").format(gifts=gifts)
        body = _("Anonymous gifts earn no tickets, because nobody knows who gave them.")
        return Rendered(card("🎁 " + title, body, tone="system"))
    title = _("{name} gifted {gifts}").format(name=safe(payload["name"], 60), gifts=gifts)
    body = _("**+{tickets}** in raffle #{number}").format(
        tickets=tickets_words(payload["tickets"]), number=payload["number"]
    )
    if not payload["linked"]:
        body += "\n" + _waits_for_link()
    return Rendered(card("🎁 " + title, body, tone="kick"))


def waited(payload: Mapping[str, Any]) -> Rendered:
    title = _("{tickets} were waiting for you").format(tickets=tickets_words(payload["tickets"]))
    body = _("They now count in raffle #{number}, which ends {when}.").format(
        number=payload["number"], when=ago(parse_instant(payload["ends_at"]))
    )
    return Rendered(add_prize(card("🎟️ " + title, body, tone="kick"), payload["prize"]))


def changes() -> dict[str, tuple[Tone, str]]:
    """Titles of posts about changes."""
    return {
        "bonus": ("success", "⭐ " + _("{tickets} given to {name}")),
        "correction": ("warning", "✏️ " + _("{tickets} removed from {name}")),
        "void": ("warning", "↩️ " + _("A gift from {name} was voided: {tickets} removed")),
        "open": ("success", "🎟️ " + _("Raffle #{number} was opened")),
        "end": ("system", "🏁 " + _("Raffle #{number} has ended")),
        "cancel": ("warning", "✖️ " + _("Raffle #{number} is cancelled")),
        "move": ("system", "📅 " + _("Raffle #{number} has new dates")),
        "prize": ("system", "🎁 " + _("Raffle #{number} has a prize")),
    }


def change(payload: Mapping[str, Any]) -> Rendered:
    """An admin's change, for the log channel."""
    tone, title = changes()[payload["what"]]
    name, tickets = safe(payload.get("name", ""), 60), tickets_words(abs(payload.get("amount", 0)))
    embed = card(title.format(name=name, tickets=tickets, number=payload["number"]), tone=tone)
    embed.add_field(name=_("By"), value=mention(payload["actor"]))
    if payload["number"]:
        embed.add_field(name=_("Raffle"), value=f"#{payload['number']}")
    if "tickets" in payload:
        embed.add_field(name=_("New balance"), value=tickets_words(payload["tickets"]))
    if payload.get("reason"):
        embed.add_field(name=_("Reason"), value=safe(payload["reason"], 300), inline=False)
    if "ends_at" in payload:
        dates = dates_words(*(parse_instant(payload[name]) for name in ("starts_at", "ends_at")))
        embed.add_field(name=_("Dates"), value=dates, inline=False)
    embed.timestamp = parse_instant(payload["at"])
    return Rendered(embed)


def hunt_prize(payload: Mapping[str, Any]) -> Rendered:
    """For the admins: the tickets for a guess could not be given or removed."""
    name, tickets = safe(payload["name"], 60), tickets_words(payload["tickets"])
    given = {"name": name, "tickets": tickets, "hunt": payload["hunt"]}
    if payload["deleted"]:
        title = _("{name} keeps {tickets} for guessing")
        body = _(
            "Bonus hunt #{hunt} was reopened, but the raffle's ticket list is frozen. "
            "To stop a viewer from winning, use `/raffleexclude add`."
        )
    else:
        title = _("{name} did not get {tickets} for guessing")
        body = _(
            "They won the guessing of bonus hunt #{hunt}, but no raffle is open. "
            "Open one with `/rafflestart`, then give the tickets with `/rafflegive`."
        )
    return Rendered(card("⚠️ " + title.format_map(given), body.format_map(given), tone="warning"))


# -- chat -----------------------------------------------------------------------------------------


def tickets_line(payload: Mapping[str, Any]) -> str:
    """Answer to `!tickets`."""
    count, locked = tickets_words(payload["tickets"]), payload["locked"]
    if not payload["linked"] and not locked:
        if payload["tickets"] == 0:
            words = _("@{viewer} Link your account in Discord with /link to take part.")
        else:
            words = _("@{viewer} {tickets} are waiting for you: link in Discord with /link.")
        return words.format(viewer=payload["viewer"], tickets=count)
    parts = [f"@{payload['viewer']} {count}"]
    if payload["rank"] is not None:
        parts.append(
            _("rank {rank} of {viewers}, chance {chance}").format(
                rank=f"{payload['rank']:,}",
                viewers=f"{payload['viewers']:,}",
                chance=chance_words(payload["tickets"], payload["all"]),
            )
        )
    elif locked and payload["tickets"]:
        parts.append(_("not in this draw"))
    if locked:
        parts.append(_("ticket list frozen"))
    if payload["seconds"] is not None:
        parts.append(_("next one in {time}").format(time=_rounded(payload["seconds"])))
    return " · ".join(parts)


def raffle_line(payload: Mapping[str, Any]) -> str:
    """Answer to `!raffle`."""
    parts = [_("Raffle #{number}").format(number=payload["number"])]
    if payload["prize"]:
        parts.append(_("win {prize}").format(prize=" ".join(payload["prize"].split())[:150]))
    parts.append(_("ends in {time}").format(time=_rounded(payload["left"])))
    if payload["per_gift"]:
        parts.append(_("{tickets} for a gifted sub").format(tickets=f"{payload['per_gift']:,}"))
    if payload["per_hour"]:
        parts.append(_("{tickets} for an hour watched").format(tickets=f"{payload['per_hour']:,}"))
    return " · ".join(parts)


def _rounded(seconds: float) -> str:
    """A duration in its largest unit, rounded up."""
    minutes = max(1, -int(-seconds // 60))
    if minutes < 120:
        return plural("{count} minute", "{count} minutes", minutes)
    if minutes < 48 * 60:
        return plural("{count} hour", "{count} hours", -(-minutes // 60))
    return plural("{count} day", "{count} days", -(-minutes // 1440))
