"""Tickets for watchtime and wagers. Tickets due for everything watched and wagered during the
raffle, less tickets already posted, so the result does not depend on when or how often this
runs."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from sqlalchemy import or_, update

from core.guilds.actions import load_settings
from core.kit.database.personal import Subject
from core.kit.database.work import Lock, Work
from core.people.store import list_persons, list_represented
from core.raffle import rules
from core.raffle.ledger import gifts, store
from core.raffle.ledger.store import NewEntry
from core.raffle.records import Gift, Period, Source, TicketRate
from core.raffle.rules import MICROSECOND, Amount, Earned, RaffleSettings, Rate
from core.raffle.store import hold_open, list_in_state
from core.wagers.counting import list_wagered_between
from core.watchtime.periods import watched_between

Viewers = Collection[int] | None
"""These viewers, or all."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A source of tickets: `rate` tickets for each `unit` of an amount."""

    source: Source
    unit: int
    rate: Callable[[RaffleSettings], int]
    read: Callable[[Work, Period, datetime, datetime, Viewers], dict[int, Amount]]
    """Who represents a person -> amount between two instants."""


def _read_watched(
    work: Work, period: Period, start: datetime, end: datetime, viewer_ids: Viewers
) -> dict[int, Amount]:
    """Watchtime of linked people, including time before the link. Those who watched nothing only
    matter if they already have tickets for it, because an admin removed their watchtime."""
    watched = watched_between(work.tx, work.guild_id, viewer_ids, start, end)
    represented = list_represented(work.tx, work.guild_id)
    credited = store.list_totals(work, period.number, "watchtime", viewer_ids)
    people = {represented.get(viewer_id, viewer_id) for viewer_id in credited}
    watchers = store.list_watchers(work, watched.keys() | people)
    return {
        watcher: watched[watcher] // MICROSECOND if watcher in watched else 0
        for watcher in watchers
    }


def _read_own_wagers(
    work: Work, _period: Period, start: datetime, end: datetime, viewer_ids: Viewers
) -> dict[int, Amount]:
    """Account -> amount, without adding up a person's accounts."""
    wagered = list_wagered_between(work.tx, work.guild_id, start, end)
    wanted = wagered.keys() if viewer_ids is None else wagered.keys() & set(viewer_ids)
    return {account: Fraction(wagered[account]) for account in wanted}


def _read_wagered(
    work: Work, period: Period, start: datetime, end: datetime, viewer_ids: Viewers
) -> dict[int, Amount]:
    wagered = _read_own_wagers(work, period, start, end, viewer_ids)
    represented = list_represented(work.tx, work.guild_id)
    amounts: dict[int, Amount] = {}
    for viewer_id, amount in wagered.items():
        person = represented.get(viewer_id, viewer_id)
        amounts[person] = amounts.get(person, Fraction()) + amount
    return amounts


WATCHING = Measure(
    "watchtime", rules.HOUR, lambda settings: settings.tickets_per_hour, _read_watched
)
WAGERING = Measure("wager", 1000, lambda settings: settings.tickets_per_1000_wagered, _read_wagered)


def credit(work: Work, period: Period, viewer_ids: Viewers = None) -> int:
    """Bring the ledger up to date, gifts included, for all viewers or some; returns the number of
    new entries for watchtime and wagers. Does nothing to a frozen raffle."""
    if period.starts_at > work.now or not hold_open(work, period.number):
        return 0
    gifts.credit_gifts_of(work, period)
    if viewer_ids is not None:
        viewer_ids = list_persons(work.tx, work.guild_id, viewer_ids)
    return sum(_credit(work, period, measure, viewer_ids) for measure in (WATCHING, WAGERING))


def _credit(work: Work, period: Period, measure: Measure, viewer_ids: Viewers) -> int:
    """Post the difference between tickets due and posted; returns the number of new entries. The
    accounts of a person are treated as one."""
    number, source = period.number, measure.source
    earned = _list_earned(work, period, measure, _list_rates(work, period, measure), viewer_ids)
    due = {person: rules.tickets_for(parts, measure.unit) for person, parts in earned.items()}
    accounts: dict[int, list[int]] = {person: [person] for person in due}
    for other, person in list_represented(work.tx, work.guild_id).items():
        if person in accounts:
            accounts[person].append(other)
    everyone = [account for some in accounts.values() for account in some]
    posted = store.list_totals(work, number, source, everyone)

    def posted_to(viewer_id: int) -> int:
        return posted.get(viewer_id, (0, 0))[0]

    before = {person: sum(map(posted_to, some)) for person, some in accounts.items()}
    behind = [person for person in sorted(due) if due[person] != before[person]]
    balances = store.get_balances(work, number, [a for person in behind for a in accounts[person]])
    changes: dict[int, int] = {}
    for person in behind:
        held = [(account, balances.get(account, 0)) for account in accounts[person]]
        amount = rules.change(due[person], before[person], sum(count for _one, count in held))
        if amount > 0:
            changes[person] = amount
        elif amount < 0:  # first from those who got them from this source
            theirs = [(account, min(count, posted_to(account))) for account, count in held]
            taken = store.take(-amount, [*theirs, *held])
            changes |= {account: -part for account, part in taken.items()}
    new = [
        NewEntry(
            account,
            amount,
            f"{source}:{number}:{account}:{posted.get(account, (0, 0))[1] + 1}",
            work.now,
        )
        for account, amount in changes.items()
    ]
    return store.post_entries(work, number, source, new)


def _list_rates(work: Work, period: Period, measure: Measure) -> list[Rate]:
    """The rates so far. If the setting was changed, the new rate is stored."""
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
    """Person's representative -> amount earned during the raffle, with the rates."""
    earned: dict[int, list[Earned]] = {}
    for start, end, tickets in rules.parts(rates, period.starts_at, period.ends_at):
        found = measure.read(work, period, start, end, viewer_ids)
        for viewer_id, amount in found.items():
            earned.setdefault(viewer_id, []).append((amount, tickets))
    return earned


def forget(work: Work, subject: Subject) -> None:
    """Remove a forgotten person's tickets from raffles that are not frozen, and everything that
    would become tickets later."""
    work.lock(Lock.RAFFLES)
    theirs = subject.viewer_ids
    held = [period for period in list_in_state(work, "open") if hold_open(work, period.number)]
    for period in held:
        _empty(work, period, theirs)
    numbers = [period.number for period in held]
    waiting = or_(Gift.credited_in.is_(None), Gift.credited_in.in_(numbers))
    gifts_of = update(Gift).where(Gift.viewer_id.in_(theirs), Gift.voided_at.is_(None), waiting)
    work.execute(gifts_of.values(voided_at=work.now))


_EMPTIED: tuple[Source, ...] = ("watchtime", "wager", "forgotten")


def _empty(work: Work, period: Period, viewer_ids: Sequence[int]) -> None:
    """Post entries that leave these accounts without tickets. The totals become what is due from
    now on: zero for watchtime, which is deleted, and the counted amount for wagers, so that
    `credit` does not give them again."""
    number = period.number
    alone = replace(WAGERING, read=_read_own_wagers)
    wagered = _list_earned(work, period, alone, _list_rates(work, period, alone), viewer_ids)
    balances = store.get_balances(work, number, viewer_ids)
    for viewer_id in viewer_ids:
        due = {"wager": rules.tickets_for(wagered.get(viewer_id, []), WAGERING.unit)}
        changes: dict[Source, int] = {}
        numbers: dict[Source, int] = {}
        for source in _EMPTIED:
            total = store.list_totals(work, number, source, [viewer_id])
            posted, entries = total.get(viewer_id, (0, 0))
            changes[source], numbers[source] = due.get(source, 0) - posted, entries + 1
        changes["forgotten"] = 0
        changes["forgotten"] = -balances.get(viewer_id, 0) - sum(changes.values())
        # Positive entries come first, so that no balance ever drops below zero.
        for source, amount in sorted(changes.items(), key=lambda item: -item[1]):
            if amount:
                key = f"{source}:{number}:{viewer_id}:{numbers[source]}"
                entry = NewEntry(viewer_id, amount, key, work.now)
                store.post_entries(work, number, source, [entry])


def until_next(work: Work, period: Period, viewer_id: int) -> timedelta | None:
    """Watchtime left until a person's next ticket; None if watching earns none."""
    if period.state != "open" or not period.starts_at <= work.now < period.ends_at:
        return None
    per_hour = load_settings(work, RaffleSettings).tickets_per_hour
    rates = store.list_rates(work, period.number, WATCHING.source)
    rates = rates or [(period.starts_at, per_hour)]
    accounts = list_persons(work.tx, work.guild_id, [viewer_id])
    earned = _list_earned(work, period, WATCHING, rates, list(accounts))
    return rules.until_next(earned.get(accounts[viewer_id], []), per_hour)
