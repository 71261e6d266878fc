"""Tickets that viewers earn by themselves: for gifted subs at once, for watching as soon as a whole
ticket is reached.

Both are derived from facts: what is due is worked out anew each time, and the ledger gets what is
missing, under a key of its cause. So it does not matter who asks first, how often, or after what
interruption. The natural keys of gifts name accounts, and entries are for good: hence only their
hashes are kept.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.events import SubGifted
from core.guilds.actions import setting
from core.kit.crypto import hash_of
from core.people import actions as people
from core.raffle import store as raffle
from core.raffle.ledger import rules, store
from core.raffle.ledger.rules import Earned, Rate
from core.raffle.ledger.settings import PER_GIFT, PER_HOUR
from core.raffle.ledger.store import NewEntry, Posted
from core.raffle.store import Period
from core.watchtime.periods import watched_between

# -- gifted subs ----------------------------------------------------------------------------------


def note_gift(tx: Connection, event: SubGifted) -> None:
    """Somebody gave a sub: keep it, and credit it if a raffle takes it."""
    viewer_id = _giver(tx, event)
    key, drop = hash_of(event.key), hash_of(event.drop)
    if store.add_gift(tx, event.guild_id, key, viewer_id, drop, event.at):
        credit_gifts(tx, event.guild_id)


def _giver(tx: Connection, event: SubGifted) -> int | None:
    if event.gifter is None:
        return None
    return people.meet_person(tx, event.guild_id, event.platform, event.gifter, event.at)


def credit_gifts(tx: Connection, guild_id: int) -> None:
    """Put every gift into the ledger that an open raffle is to take."""
    for period in raffle.list_in_state(tx, "open", guild_id):
        credit_gifts_of(tx, period)


def credit_gifts_of(tx: Connection, period: Period) -> None:
    """The same for one raffle."""
    guild_id, number = period.guild_id, period.number
    if not store.hold_open(tx, guild_id, number):
        return
    waiting = store.list_waiting_gifts(tx, period)
    if not waiting:
        return
    each = setting(tx, guild_id, PER_GIFT)
    new = [
        NewEntry(gift.viewer_id, each, gift_key(gift.key), gift.at)
        for gift in waiting
        if gift.viewer_id is not None and each > 0
    ]
    store.post_entries(tx, guild_id, number, "gifted_sub", new)
    store.set_gifts_credited(tx, guild_id, [gift.key for gift in waiting], number, each)


def gift_key(key: str) -> str:
    """Under which a gifted sub stands in the ledger."""
    return f"gift:{key}"


# -- watching -------------------------------------------------------------------------------------


def credit_watching(
    tx: Connection, period: Period, now: datetime, viewer_ids: Collection[int] | None = None
) -> int:
    """Bring the ledger up to what was watched, for everybody who is linked or for some of them;
    returns how many entries that took.

    Minutes from before the link count as well, because they are asked for anew each time.
    """
    guild_id, number = period.guild_id, period.number
    if period.starts_at > now or not store.hold_open(tx, guild_id, number):
        return 0
    rates = _rates(tx, period, now)
    wanted = store.list_watchers(tx, guild_id)
    if viewer_ids is not None:
        wanted = [viewer_id for viewer_id in wanted if viewer_id in viewer_ids]
    earned = list_earned(tx, period, rates, wanted)
    due = {viewer_id: rules.tickets_for(one) for viewer_id, one in earned.items()}
    return _post_missing(tx, period, due, now)


def _rates(tx: Connection, period: Period, now: datetime) -> list[Rate]:
    """What an hour is worth, a change of the setting written down with the instant of it."""
    rates = store.list_rates(tx, period.guild_id, period.number)
    per_hour = setting(tx, period.guild_id, PER_HOUR)
    if rates and (rates[-1].tickets == per_hour or rates[-1].holds_from >= now):
        return rates
    new = Rate(now if rates else period.starts_at, per_hour)
    store.add_rate(tx, period.guild_id, period.number, new)
    return [*rates, new]


def list_earned(
    tx: Connection, period: Period, rates: list[Rate], viewer_ids: Collection[int]
) -> dict[int, list[Earned]]:
    """Viewer id -> what was watched within the period, and what an hour of it is worth."""
    earned: dict[int, list[Earned]] = {viewer_id: [] for viewer_id in viewer_ids}
    for start, end, per_hour in rules.parts(rates, period.starts_at, period.ends_at):
        found = watched_between(tx, period.guild_id, viewer_ids, start, end)
        for viewer_id, time in found.items():
            earned[viewer_id].append((time, per_hour))
    return earned


def _post_missing(tx: Connection, period: Period, due: dict[int, int], now: datetime) -> int:
    guild_id, number = period.guild_id, period.number
    nothing = Posted(0, 0)
    posted = store.list_posted(tx, guild_id, number, due)
    behind = {v: d for v, d in due.items() if d != posted.get(v, nothing).tickets}
    balances = store.get_balances(tx, guild_id, number, behind)
    new: list[NewEntry] = []
    after: dict[int, Posted] = {}
    for viewer_id, tickets in sorted(behind.items()):
        before = posted.get(viewer_id, nothing)
        amount = rules.change(tickets, before.tickets, balances.get(viewer_id, 0))
        if amount != 0:
            step = before.step + 1
            new.append(NewEntry(viewer_id, amount, f"watch:{number}:{viewer_id}:{step}", now))
            after[viewer_id] = Posted(before.tickets + amount, step)
    if new:
        store.post_entries(tx, guild_id, number, "watchtime", new)
        store.set_posted(tx, guild_id, number, after)
    return len(new)


def until_next(tx: Connection, period: Period, viewer_id: int, now: datetime) -> timedelta | None:
    """How much more watching brings somebody the next ticket; None where none does."""
    rates = store.list_rates(tx, period.guild_id, period.number)
    per_hour = setting(tx, period.guild_id, PER_HOUR)
    if not rates or period.ends_at <= now:
        return rules.until_next((), per_hour) if period.ends_at > now else None
    earned = list_earned(tx, period, rates, [viewer_id])
    return rules.until_next(earned[viewer_id], per_hour)


# -- both -----------------------------------------------------------------------------------------


def settle(tx: Connection, period: Period, now: datetime) -> None:
    """Everything that is known up to now is in the ledger: the last word before a freeze."""
    credit_gifts_of(tx, period)
    credit_watching(tx, period, now)
