"""Tickets for what adds up bit by bit: for watching and for wagers, as soon as a whole one is
reached.

What is due is worked out anew each time from what was watched and wagered within the raffle, and
the ledger gets the difference. So it does not matter who asks first, how often, or after what
interruption, and a remainder is carried without being kept anywhere.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from sqlalchemy import Connection

from core.guilds.actions import setting
from core.kit.feature import GuildSetting
from core.raffle.ledger import gifting, rules, store
from core.raffle.ledger.rules import MICROSECOND, Amount, Earned, Rate
from core.raffle.ledger.settings import PER_HOUR, PER_THOUSAND
from core.raffle.ledger.store import NewEntry, Reached
from core.raffle.records import Period, Source
from core.wagers.store import list_wagered_between
from core.watchtime.periods import watched_between


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that tickets are given for by the unit.

    Attributes:
        rate: the setting with the tickets for a unit.
        unit: how much of an amount that is.
        read: `read(tx, guild_id, start, end, viewer_ids)`: viewer id -> amount, for these viewers
            or for all.
    """

    source: Source
    rate: GuildSetting[int]
    unit: int
    read: Callable[
        [Connection, Period, datetime, datetime, Collection[int] | None], dict[int, Amount]
    ]


def _read_watched(
    tx: Connection,
    period: Period,
    start: datetime,
    end: datetime,
    viewer_ids: Collection[int] | None,
) -> dict[int, Amount]:
    """Of everyone who is linked. Minutes from before the link count as well, because all of them
    are read each time. Nothing is due to whoever watched nothing: that matters only if they have
    tickets for it already, because a correction took their minutes away."""
    guild_id, number = period.guild_id, period.number
    watched = watched_between(tx, guild_id, viewer_ids, start, end)
    credited = store.list_reached(tx, guild_id, number, "watchtime", viewer_ids)
    watchers = store.list_watchers(tx, guild_id, watched.keys() | credited.keys())
    return {one: watched[one] // MICROSECOND if one in watched else 0 for one in watchers}


def _read_wagered(
    tx: Connection,
    period: Period,
    start: datetime,
    end: datetime,
    viewer_ids: Collection[int] | None,
) -> dict[int, Amount]:
    wagered = list_wagered_between(tx, period.guild_id, start, end)
    wanted = wagered.keys() if viewer_ids is None else wagered.keys() & set(viewer_ids)
    return {viewer_id: Fraction(wagered[viewer_id]) for viewer_id in wanted}


WATCHING = Measure("watchtime", PER_HOUR, rules.HOUR, _read_watched)
WAGERING = Measure("wager", PER_THOUSAND, 1000, _read_wagered)
MEASURES = (WATCHING, WAGERING)


def settle(
    tx: Connection, period: Period, now: datetime, viewer_ids: Collection[int] | None = None
) -> int:
    """Bring the ledger up to everything that is known now, for everybody or for some; returns how
    many entries that took beside those for gifts. A period that is frozen stays as it is."""
    if period.starts_at > now or not store.hold_open(tx, period.guild_id, period.number):
        return 0
    gifting.credit_gifts_of(tx, period)
    return sum(_credit(tx, period, measure, now, viewer_ids) for measure in MEASURES)


def _credit(
    tx: Connection,
    period: Period,
    measure: Measure,
    now: datetime,
    viewer_ids: Collection[int] | None,
) -> int:
    rates = _rates(tx, period, measure, now)
    earned = _list_earned(tx, period, measure, rates, viewer_ids)
    due = {one: rules.tickets_for(parts, measure.unit) for one, parts in earned.items()}
    return _post_missing(tx, period, measure.source, due, now)


def _rates(tx: Connection, period: Period, measure: Measure, now: datetime) -> list[Rate]:
    """What a unit is worth, a change of the setting written down with the instant of it."""
    where = (tx, period.guild_id, period.number, measure.source)
    rates, today = store.list_rates(*where), setting(tx, period.guild_id, measure.rate)
    if rates and (rates[-1].tickets == today or rates[-1].holds_from >= now):
        return rates
    new = Rate(now if rates else period.starts_at, today)
    store.add_rate(*where, new)
    return [*rates, new]


def _list_earned(
    tx: Connection,
    period: Period,
    measure: Measure,
    rates: list[Rate],
    viewer_ids: Collection[int] | None,
) -> dict[int, list[Earned]]:
    """Viewer id -> what was earned within the period, and what a unit of it is worth."""
    earned: dict[int, list[Earned]] = {}
    for start, end, tickets in rules.parts(rates, period.starts_at, period.ends_at):
        found = measure.read(tx, period, start, end, viewer_ids)
        for viewer_id, amount in found.items():
            earned.setdefault(viewer_id, []).append((amount, tickets))
    return earned


def _post_missing(
    tx: Connection, period: Period, source: Source, due: dict[int, int], now: datetime
) -> int:
    guild_id, number, nothing = period.guild_id, period.number, Reached(0, 0)
    reached = store.list_reached(tx, guild_id, number, source, due)
    behind = {v: d for v, d in due.items() if d != reached.get(v, nothing).tickets}
    balances = store.get_balances(tx, guild_id, number, behind)
    new: list[NewEntry] = []
    after: dict[int, Reached] = {}
    for viewer_id, tickets in sorted(behind.items()):
        before = reached.get(viewer_id, nothing)
        amount = rules.change(tickets, before.tickets, balances.get(viewer_id, 0))
        if amount != 0:
            step = before.step + 1
            key = f"{source}:{number}:{viewer_id}:{step}"
            new.append(NewEntry(viewer_id, amount, key, now))
            after[viewer_id] = Reached(before.tickets + amount, step)
    if new:
        store.post_entries(tx, guild_id, number, source, new)
        store.set_reached(tx, guild_id, number, source, after)
    return len(new)


def until_next(tx: Connection, period: Period, viewer_id: int, now: datetime) -> timedelta | None:
    """How much more watching brings somebody the next ticket; None where none does."""
    if period.ends_at <= now:
        return None
    per_hour = setting(tx, period.guild_id, PER_HOUR)
    rates = store.list_rates(tx, period.guild_id, period.number, WATCHING.source)
    rates = rates or [Rate(period.starts_at, per_hour)]
    earned = _list_earned(tx, period, WATCHING, rates, [viewer_id])
    return rules.until_next(earned.get(viewer_id, []), per_hour)
