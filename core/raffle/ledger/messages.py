"""What people read about tickets, in Discord and in chat."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import discord
from discord.utils import format_dt

from core.kit.clock import parse_instant
from core.kit.discord_ui import Tone, ago, card, duration, lines, safe
from core.kit.leaderboard import MEDALS, Leaderboard, Row
from core.kit.words import _, plural
from core.outbox.discord_transport import Rendered
from core.raffle.ledger.actions import Board, Changed, Standing, Stats, Why
from core.raffle.ledger.gifts import Given, Voided
from core.raffle.ledger.rules import chance_words
from core.raffle.ledger.standings import Place, Pool, Taken
from core.raffle.records import Entry, Period


def tickets_words(count: int) -> str:
    """`1 ticket`, `1,200 tickets`."""
    return plural("{count} ticket", "{count} tickets", count)


def source_words(source: str) -> str:
    """What tickets came from."""
    return {
        "watchtime": "⏱️ " + _("Watching"),
        "gifted_sub": "🎁 " + _("Gifted subs"),
        "wager": "🎰 " + _("Wagers"),
        "bonus": "⭐ " + _("Given by an admin"),
        "correction": "✏️ " + _("Corrections"),
    }[source]


# -- one's own ------------------------------------------------------------------------------------


def not_linked() -> discord.Embed:
    """Who is not linked has no tickets that could win."""
    body = _(
        "Everything you have earned in this raffle so far will count: gifted subs and the time you "
        "watched."
    )
    return card("🎟️ " + _("Link your Kick account to see your tickets"), body)


def standing(current: Standing) -> discord.Embed:
    """A viewer's card: how many, which place, which chance, from what, when the next."""
    own = current.own
    parts = [f"## {tickets_words(own.tickets)}", _place(current), *_sources(own.sources)]
    if (more := _next(current)) is not None:
        parts += ["", more]
    embed = card(
        f"🎟️ {safe(current.viewer.name, 60)}",
        "\n".join(parts),
        tone="kick",
        footer=_("Every entry: /why"),
    )
    embed.add_field(
        name=_("Raffle #{number}").format(number=current.period.number),
        value=when_words(current.period, current.ended),
    )
    if current.period.prize:
        embed.add_field(name=_("Prize"), value=safe(current.period.prize, 300))
    return embed


def _place(current: Standing) -> str:
    own = current.own
    if own.rank is None:
        if own.tickets == 0 and current.period.frozen_at:
            return _("No tickets in this raffle.")
        if own.tickets == 0:
            return _("No tickets in this raffle yet.")
        if current.period.frozen_at:
            return "🚫 " + _(
                "They are not in this draw: the account was not linked, or was excluded, when the "
                "tickets were locked."
            )
        if not own.linked:
            return "⏳ " + _("They count once the account is linked: `/link`.")
        return "🚫 " + _("They are left out: excluded from winning by the server's team.")
    rank = _("rank **{rank}** of {viewers}").format(
        rank=f"{own.rank:,}", viewers=f"{own.pool.viewers:,}"
    )
    odds = _("chance **{chance}** of {tickets}").format(
        chance=chance_words(own.tickets, own.pool.tickets), tickets=tickets_words(own.pool.tickets)
    )
    return f"{MEDALS.get(own.rank, '🏅')} {rank} · {odds}"


def _sources(sources: Sequence[tuple[str, int]]) -> list[str]:
    return [f"{source_words(source)}: **{tickets:,}**" for source, tickets in sources]


def _next(current: Standing) -> str | None:
    if current.until_next is None:
        return None
    return "-# " + _("Next ticket in {time} more of watchtime.").format(
        time=duration(max(1.0, current.until_next.total_seconds()))
    )


def when_words(period: Period, ended: bool) -> str:
    """Where a raffle is between its start and its draw."""
    if period.state == "open" and ended:
        return _("ended {when}, waits for its draw").format(when=ago(period.ends_at))
    if period.state == "frozen":
        return _("tickets locked, waits for its draw")
    if period.is_cancelled:
        return _("cancelled")
    if period.state in ("drawn", "closed"):
        return _("drawn · ended {when}").format(when=ago(period.ends_at))
    if period.frozen_at is None and period.starts_at > period.opened_at:
        return _("{start} to {end}").format(
            start=format_dt(period.starts_at, "f"), end=format_dt(period.ends_at, "f")
        )
    return _("ends {when}").format(when=ago(period.ends_at))


def why(found: Why) -> discord.Embed:
    """A page of entries, newest first."""
    title = _("{name}: {tickets} in raffle #{number}").format(
        name=safe(found.viewer.name, 60), tickets=tickets_words(found.tickets), number=found.number
    )
    rows = [_entry(one) for one in found.entries]
    body = lines(rows) or _("Nothing yet. `/raffleinfo` tells how tickets are earned.")
    return card("🔎 " + title, body)


def _entry(row: Entry) -> str:
    taken_back = row.source == "gifted_sub" and row.amount < 0
    source = "↩️ " + _("Gift taken back") if taken_back else source_words(row.source)
    parts = [f"`{row.amount:+,}`", source, format_dt(row.at, "f")]
    if row.actor is not None:
        parts.append(f"<@{row.actor}>")
    if row.reason:
        parts.append(safe(row.reason, 120))
    return " · ".join(parts)


# -- everybody's ----------------------------------------------------------------------------------


def board(found: Board) -> Leaderboard:
    """Who has the most tickets, and their chance."""
    viewers = plural("{count} viewer", "{count} viewers", found.pool.viewers)
    when = when_words(found.period, found.ended)
    own: Row | str | None = None
    if found.own is not None:
        own = _board_row(found.own, found.pool)
    elif found.linked:
        own = _("no tickets that can win. `/tickets` shows more.")
    return Leaderboard(
        title=_("Raffle #{number}: most tickets").format(number=found.period.number),
        rows=[_board_row(place, found.pool) for place in found.places],
        page=found.page,
        pages=found.pages,
        own=own,
        empty=_("Nobody has a ticket yet. See how to earn them with `/raffleinfo`."),
        note=f"{viewers} · {tickets_words(found.pool.tickets)} · {when}",
        choice=str(found.period.number),
    )


def _board_row(place: Place, pool: Pool) -> Row:
    share = chance_words(place.tickets, pool.tickets)
    return Row(place.rank, place.name, f"{place.tickets:,} · {share}")


def stats(found: Stats) -> discord.Embed:
    """Raffles in numbers."""
    if found.viewer is None:
        title = "📊 " + _("Raffles in numbers")
    else:
        title = "📊 " + _("{name} in raffles").format(name=safe(found.viewer.name, 60))
    rows = _sources(found.sources) or [_("No tickets yet.")]
    if found.pool is not None:
        rows.insert(
            0,
            _("In this raffle **{tickets}** of {viewers} can win.").format(
                tickets=tickets_words(found.pool.tickets),
                viewers=plural("{count} viewer", "{count} viewers", found.pool.viewers),
            ),
        )
    rows += ["", *(_taken(one, found.viewer is None) for one in found.raffles)]
    return card(title, lines(rows), tone="kick")


def _taken(one: Taken, of_all: bool) -> str:
    parts = [f"`#{one.number}`", format_dt(one.ends_at, "d"), tickets_words(one.tickets)]
    if of_all:
        parts.append(plural("{count} viewer", "{count} viewers", one.viewers))
    if one.won:
        parts.append("🏆 " + plural("{count} prize", "{count} prizes", one.won))
    return " · ".join(parts)


# -- answers to admins ----------------------------------------------------------------------------


def changed(done: Changed) -> discord.Embed:
    """Tickets were given or taken."""
    title = _("{name} has {tickets} now").format(
        name=safe(done.viewer.name, 60), tickets=tickets_words(done.tickets)
    )
    body = f"`{done.amount:+,}` · " + _("raffle #{number}").format(number=done.number)
    if not done.linked:
        body += "\n⏳ " + _("The account is not linked: the tickets count once it is (`/link`).")
    return card("✅ " + title, body, tone="success")


def given(found: Given) -> discord.Embed:
    """What somebody gave last."""
    rows = [_gift_row(drop.at, drop.gifts, drop.voided, drop.tickets) for drop in found.drops]
    title = _("Gifts by {name}").format(name=safe(found.viewer.name, 60))
    hint = _(
        "Choose the one whose payment failed: its tickets are taken back, and the log shows it."
    )
    return card("🎁 " + title, lines([*rows, "", hint], limit=3800), tone="warning")


def _gift_row(at: datetime, gifts: int, voided: int, tickets: int) -> str:
    parts = [format_dt(at, "f"), plural("{count} gifted sub", "{count} gifted subs", gifts)]
    parts.append(tickets_words(tickets))
    if voided:
        parts.append("↩️ " + plural("{count} voided", "{count} voided", voided))
    return " · ".join(parts)


def voided(done: Voided) -> discord.Embed:
    """A gift was taken back."""
    title = _("{tickets} of {name} taken back").format(
        tickets=tickets_words(done.taken), name=safe(done.name, 60)
    )
    body = plural("For {count} gifted sub.", "For {count} gifted subs.", done.gifts)
    if done.missing:
        body += "\n⚠️ " + plural(
            "{count} ticket was not there any more.",
            "{count} tickets were not there any more.",
            done.missing,
        )
    if done.frozen:
        body += "\n⚠️ " + plural(
            "{count} sub counts in a frozen list, which stays as it is.",
            "{count} subs count in a frozen list, which stays as it is.",
            done.frozen,
        )
    return card("↩️ " + title, body, tone="success")


# -- posts ----------------------------------------------------------------------------------------


def gift(payload: Mapping[str, Any]) -> Rendered:
    """Thanks for what somebody gave at once."""
    gifts = plural("{count} sub", "{count} subs", payload["gifts"])
    if not payload["name"]:
        title = _("Somebody gave {gifts}: thank you!").format(gifts=gifts)
        body = _("An anonymous gift earns no tickets, because nobody knows whose they would be.")
        return Rendered(card("🎁 " + title, body, tone="system"))
    title = _("{name} gave {gifts}").format(name=safe(payload["name"], 60), gifts=gifts)
    body = _("**+{tickets}** in raffle #{number}").format(
        tickets=tickets_words(payload["tickets"]), number=payload["number"]
    )
    if not payload["linked"]:
        body += "\n⏳ " + _("They are kept, and count once the Kick account is linked: `/link`.")
    return Rendered(card("🎁 " + title, body, tone="kick"))


def waited(payload: Mapping[str, Any]) -> Rendered:
    """The direct message to somebody who has just linked."""
    title = _("{tickets} waited for you").format(tickets=tickets_words(payload["tickets"]))
    body = _("They count in raffle #{number} now, which ends {when}.").format(
        number=payload["number"], when=ago(parse_instant(payload["ends_at"]))
    )
    embed = card("🎟️ " + title, body, tone="kick")
    if payload["prize"]:
        embed.add_field(name=_("Prize"), value=safe(payload["prize"], 300))
    return Rendered(embed)


_CHANGES: dict[str, tuple[str, Tone]] = {
    "bonus": ("⭐", "success"),
    "correction": ("✏️", "warning"),
    "void": ("↩️", "warning"),
    "open": ("🎟️", "success"),
    "end": ("🏁", "system"),
    "cancel": ("✖️", "warning"),
    "move": ("📅", "system"),
}


def change(payload: Mapping[str, Any]) -> Rendered:
    """What an admin changed, for the log."""
    icon, tone = _CHANGES[payload["what"]]
    embed = card(f"{icon} {_change_title(payload)}", tone=tone)
    embed.add_field(name=_("By"), value=f"<@{payload['actor']}>")
    if payload["number"]:
        embed.add_field(name=_("Raffle"), value=f"#{payload['number']}")
    if "tickets" in payload:
        embed.add_field(name=_("Has now"), value=tickets_words(payload["tickets"]))
    if payload.get("reason"):
        embed.add_field(name=_("Reason"), value=safe(payload["reason"], 300), inline=False)
    if "ends_at" in payload:
        dates = (parse_instant(payload[name]) for name in ("starts_at", "ends_at"))
        value = " – ".join(format_dt(instant, "f") for instant in dates)
        embed.add_field(name=_("Dates"), value=value, inline=False)
    embed.timestamp = parse_instant(payload["at"])
    return Rendered(embed)


def _change_title(payload: Mapping[str, Any]) -> str:
    titles = {
        "bonus": _("{name} was given {tickets}"),
        "correction": _("{tickets} were taken from {name}"),
        "void": _("A gift by {name} was voided: {tickets} taken back"),
        "open": _("Raffle #{number} was opened"),
        "end": _("Raffle #{number} was ended"),
        "cancel": _("Raffle #{number} was cancelled"),
        "move": _("Raffle #{number} has other dates"),
    }
    return titles[payload["what"]].format(
        name=safe(payload.get("name", ""), 60),
        tickets=tickets_words(abs(payload.get("amount", 0))),
        number=payload["number"],
    )


# -- chat -----------------------------------------------------------------------------------------


def tickets_line(payload: Mapping[str, Any]) -> str:
    """Answer to `!tickets`."""
    count, locked = tickets_words(payload["tickets"]), payload.get("locked", False)
    if not payload["linked"] and not locked:
        if payload["tickets"] == 0:
            words = _("@{viewer} Link your Kick account in Discord with /link to take part.")
        else:
            words = _("@{viewer} {tickets} wait for you: link in Discord with /link.")
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
        parts.append(_("tickets are locked"))
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
    """In the largest unit that says enough, rounded up."""
    minutes = max(1, -int(-seconds // 60))
    if minutes < 120:
        return plural("{count} minute", "{count} minutes", minutes)
    if minutes < 48 * 60:
        return plural("{count} hour", "{count} hours", -(-minutes // 60))
    return plural("{count} day", "{count} days", -(-minutes // 1440))
