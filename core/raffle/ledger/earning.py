"""Tickets for watchtime and wagers: what is due by everything that was watched and wagered within
the raffle, less what is posted, so the result does not depend on when or how often this runs."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from core.guilds.actions import load_settings
from core.kit.work import Work
from core.people.store import list_persons, list_represented
from core.raffle import rules
from core.raffle.ledger import gifts, store
from core.raffle.ledger.store import NewEntry
from core.raffle.records import Period, Source, TicketRate
from core.raffle.rules import MICROSECOND, Amount, Earned, RaffleSettings, Rate
from core.raffle.store import hold_open
from core.wagers.counting import list_wagered_between
from core.watchtime.periods import watched_between

Viewers = Collection[int] | None
"""These viewers, or all."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that tickets are given for by the unit: `rate` tickets for an amount of `unit`."""

    source: Source
    unit: int
    rate: Callable[[RaffleSettings], int]
    read: Callable[[Work, Period, datetime, datetime, Viewers], dict[int, Amount]]
    """Who represents a person -> amount between two instants."""


def _read_watched(
    work: Work, period: Period, start: datetime, end: datetime, viewer_ids: Viewers
) -> dict[int, Amount]:
    """Of linked people, including time from before the link. Those who watched nothing matter only
    if they have tickets for it already, because an admin took their watchtime away."""
    watched = watched_between(work.tx, work.guild_id, viewer_ids, start, end)
    represented = list_represented(work.tx, work.guild_id)
    credited = store.list_totals(work, period.number, "watchtime", viewer_ids)
    people = {represented.get(one, one) for one in credited}
    watchers = store.list_watchers(work, watched.keys() | people)
    return {one: watched[one] // MICROSECOND if one in watched else 0 for one in watchers}


def _read_wagered(
    work: Work, _period: Period, start: datetime, end: datetime, viewer_ids: Viewers
) -> dict[int, Amount]:
    wagered = list_wagered_between(work.tx, work.guild_id, start, end)
    wanted = wagered.keys() if viewer_ids is None else wagered.keys() & set(viewer_ids)
    represented = list_represented(work.tx, work.guild_id)
    amounts: dict[int, Amount] = {}
    for viewer_id in wanted:
        person = represented.get(viewer_id, viewer_id)
        amounts[person] = amounts.get(person, Fraction()) + Fraction(wagered[viewer_id])
    return amounts


WATCHING = Measure("watchtime", rules.HOUR, lambda one: one.tickets_per_hour, _read_watched)
WAGERING = Measure("wager", 1000, lambda one: one.tickets_per_1000_wagered, _read_wagered)


def credit(work: Work, period: Period, viewer_ids: Viewers = None) -> int:
    """Bring the ledger up to date, gifts included, for everybody or for some; returns how many
    entries watchtime and wagers took. Does nothing to a frozen raffle."""
    if period.starts_at > work.now or not hold_open(work, period.number):
        return 0
    gifts.credit_gifts_of(work, period)
    if viewer_ids is not None:
        viewer_ids = list_persons(work.tx, work.guild_id, viewer_ids)
    return sum(_credit(work, period, one, viewer_ids) for one in (WATCHING, WAGERING))


def _credit(work: Work, period: Period, measure: Measure, viewer_ids: Viewers) -> int:
    """Post what is missing in the ledger, or too much; returns how many entries that took. All
    accounts of a person together have what is due to them."""
    number, source = period.number, measure.source
    earned = _list_earned(work, period, measure, _list_rates(work, period, measure), viewer_ids)
    due = {one: rules.tickets_for(parts, measure.unit) for one, parts in earned.items()}
    accounts: dict[int, list[int]] = {one: [one] for one in due}
    for other, person in list_represented(work.tx, work.guild_id).items():
        if person in accounts:
            accounts[person].append(other)
    everyone = [one for some in accounts.values() for one in some]
    posted = store.list_totals(work, number, source, everyone)

    def posted_to(viewer_id: int) -> int:
        return posted.get(viewer_id, (0, 0))[0]

    before = {one: sum(map(posted_to, some)) for one, some in accounts.items()}
    behind = [one for one in sorted(due) if due[one] != before[one]]
    balances = store.get_balances(work, number, [a for one in behind for a in accounts[one]])
    changes: dict[int, int] = {}
    for person in behind:
        held = [(one, balances.get(one, 0)) for one in accounts[person]]
        amount = rules.change(due[person], before[person], sum(count for _one, count in held))
        if amount > 0:
            changes[person] = amount
        elif amount < 0:  # first from those who got them from this source
            theirs = [(one, min(count, posted_to(one))) for one, count in held]
            taken = store.take(-amount, [*theirs, *held])
            changes |= {one: -part for one, part in taken.items()}
    new = [
        NewEntry(one, amount, f"{source}:{number}:{one}:{posted.get(one, (0, 0))[1] + 1}", work.now)
        for one, amount in changes.items()
    ]
    return store.post_entries(work, number, source, new)


def _list_rates(work: Work, period: Period, measure: Measure) -> list[Rate]:
    """What a unit is worth. If the setting was changed, the new rate is recorded."""
    rates = store.list_rates(work, period.number, measure.source)
    today = measure.rate(load_settings(work, RaffleSettings))
    if rates and (rates[-1][1] == today or rates[-1][0] >= work.now):
        return rates
    at, source = work.now if rates else period.starts_at, measure.source
    work.add(TicketRate(period=period.number, source=source, valid_from=at, tickets=today))
    return [*rates, (at, today)]


def _list_earned(
    work: Work, period: Period, measure: Measure, rates: list[Rate], viewer_ids: Viewers
) -> dict[int, list[Earned]]:
    """Who represents a person -> what was earned within the raffle, and what a unit is worth."""
    earned: dict[int, list[Earned]] = {}
    for start, end, tickets in rules.parts(rates, period.starts_at, period.ends_at):
        found = measure.read(work, period, start, end, viewer_ids)
        for viewer_id, amount in found.items():
            earned.setdefault(viewer_id, []).append((amount, tickets))
    return earned


def until_next(work: Work, period: Period, viewer_id: int) -> timedelta | None:
    """How much more watchtime earns a person the next ticket; None if it earns none."""
    if period.state != "open" or not period.starts_at <= work.now < period.ends_at:
        return None
    per_hour = load_settings(work, RaffleSettings).tickets_per_hour
    rates = store.list_rates(work, period.number, WATCHING.source)
    rates = rates or [(period.starts_at, per_hour)]
    accounts = list_persons(work.tx, work.guild_id, [viewer_id])
    earned = _list_earned(work, period, WATCHING, rates, list(accounts))
    return rules.until_next(earned.get(accounts[viewer_id], []), per_hour)
