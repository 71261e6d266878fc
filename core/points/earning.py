"""Earning points by watching and by supporting the channel.

Points for watchtime are computed from the total watchtime minus points already posted, so the
result does not depend on how often the task runs, and fractions are not lost."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import get_args

from sqlalchemy import select

from core.events import (
    BitsCheered,
    ChannelRaided,
    KicksGifted,
    Person,
    SubGifted,
    SubscriptionRenewed,
    SubscriptionStarted,
    SupportRevoked,
)
from core.guilds.actions import load_settings, time_zone_of
from core.guilds.store import list_present
from core.kit.database.connection import among
from core.kit.database.personal import Subject
from core.kit.database.work import Lock, Work
from core.kit.runtime.crypto import hash_of
from core.kit.services import Services
from core.kit.tasks import for_each
from core.people import actions as people
from core.people.records import GuildAccount
from core.people.store import Seen, seen_as
from core.points import ledger, store
from core.points.ledger import NewEntry
from core.points.records import AccountTotal, Entry, WatchRate
from core.points.rules import HOUR, MICROSECOND, Bucket, Part, PointsSettings, Rate, rate_periods
from core.watchtime.periods import list_active, watched_between

Support = (
    SubscriptionStarted
    | SubscriptionRenewed
    | SubGifted
    | KicksGifted
    | BitsCheered
    | ChannelRaided
)

# -- support --------------------------------------------------------------------------------------


def on_support(work: Work, event: Support) -> None:
    """Give points for supporting the channel, even to unlinked accounts."""
    on_supports(work, [event])


def on_supports(work: Work, events: Sequence[Support]) -> None:
    """`on_support` for many events of one kind."""
    settings = load_settings(work, PointsSettings)
    given: list[tuple[Support, Seen, int]] = []
    for event in events:
        person, amount = _points_for(event, settings)
        if settings.earns and person is not None and amount > 0:
            account = GuildAccount(work.guild_id, event.platform, person.user_id)
            given.append((event, seen_as(account, person, event.at), amount))
    viewers = people.get_or_create_people(work.tx, [seen for _event, seen, _amount in given])
    excluded = store.list_excluded(work, viewers.values()) if viewers else set()
    zone = time_zone_of(work)
    by_day: dict[date, list[NewEntry]] = {}
    for event, seen, amount in given:
        if (viewer_id := viewers[seen.account]) not in excluded:
            bucket: Bucket = "paid" if isinstance(event, KicksGifted | BitsCheered) else "earned"
            key = _key(type(event).__name__, event.key)
            new = NewEntry(key, viewer_id, bucket, amount, at=event.at)
            by_day.setdefault(event.at.astimezone(zone).date(), []).append(new)
    for day, entries in by_day.items():
        ledger.post(work, ACCOUNTS[type(events[0]).__name__], entries, day=day)


ACCOUNTS = {
    SubscriptionStarted.__name__: "subscription",
    SubscriptionRenewed.__name__: "subscription",
    SubGifted.__name__: "gifted_sub",
    KicksGifted.__name__: "kicks",
    BitsCheered.__name__: "bits",
    ChannelRaided.__name__: "raid",
}
"""Event -> the house account that gives points for it."""


def _points_for(event: Support, settings: PointsSettings) -> tuple[Person | None, int]:
    match event:
        case SubscriptionStarted() | SubscriptionRenewed():
            return event.subscriber, settings.per_subscription
        case SubGifted():
            return event.gifter, settings.per_gifted_sub
        case KicksGifted():
            return event.sender, event.amount * settings.per_100_kicks // 100
        case BitsCheered():
            return event.sender, event.amount * settings.per_100_bits // 100
        case ChannelRaided():
            is_large = event.viewers >= settings.raid_viewers
            return event.raider, settings.per_raid if is_large else 0


def _key(kind: str, key: str) -> str:
    # Natural keys name accounts, and entries are permanent.
    return f"support:{kind}:{hash_of(key)}"


def on_support_revoked(work: Work, event: SupportRevoked) -> None:
    """Remove the points of a revoked support that were not spent."""
    work.lock(Lock.POINTS)
    key = _key(event.event, event.of)
    given = work.scalar(select(Entry).where(Entry.key == key))
    if given is None or store.list_posted(work, [f"revoked:{key}"]):
        return
    accounts = store.accounts_of(work, given.viewer_id)
    balances = store.get_balances(work, accounts)
    amount = min(given.amount, balances.get((given.viewer_id, given.bucket), 0))
    if amount:
        new = NewEntry(f"revoked:{key}", given.viewer_id, given.bucket, -amount)
        ledger.post(work, given.account, [new])


# -- watchtime ------------------------------------------------------------------------------------

RECENTLY = timedelta(days=1)


def credit(work: Work, *, everybody: bool = False) -> int:
    """Credit points for watchtime, to all viewers or those whose watchtime changed recently;
    returns the number of new entries."""
    settings = load_settings(work, PointsSettings)
    rates = _list_rates(work, settings.per_hour if settings.earns else 0)
    if not any(per_hour for _valid_from, per_hour in rates):
        return 0
    since = rates[0][0] if everybody else work.now - RECENTLY
    active = list_active(work.tx, work.guild_id, since)
    if not active:
        return 0
    due = dict.fromkeys(active, 0)
    # The end is exclusive; a correction made right now counts.
    for start, end, per_hour in rate_periods(rates, work.now + MICROSECOND):
        for viewer_id, watched in watched_between(
            work.tx, work.guild_id, active, start, end
        ).items():
            due[viewer_id] += watched // MICROSECOND * per_hour
    work.lock(Lock.POINTS)
    posted = _list_credited(work, due)
    new: list[NewEntry] = []
    missing = {
        account: parts // HOUR - posted.get(account, (0, 0))[0]
        for account, parts in due.items()
        if parts // HOUR != posted.get(account, (0, 0))[0]
    }
    held = store.get_balances(work, [account for account, amount in missing.items() if amount < 0])
    for viewer_id, amount in sorted(missing.items()):
        possible = max(amount, -held.get((viewer_id, "earned"), 0))
        if possible:
            key = f"watchtime:{viewer_id}:{posted.get(viewer_id, (0, 0))[1] + 1}"
            new.append(NewEntry(key, viewer_id, "earned", possible))
    return ledger.post(work, "watchtime", new)


def _list_rates(work: Work, per_hour: int) -> list[Rate]:
    """The rates so far. A new rate is stored and applies from now on."""
    found = select(WatchRate.valid_from, WatchRate.per_hour).order_by(WatchRate.valid_from)
    rates = [(row.valid_from, row.per_hour) for row in work.execute(found)]
    latest = rates[-1][1] if rates else 0
    if latest == per_hour or (rates and rates[-1][0] >= work.now):
        return rates
    work.add(WatchRate(valid_from=work.now, per_hour=per_hour))
    return [*rates, (work.now, per_hour)]


def _list_credited(work: Work, viewer_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Viewer id -> points for watchtime so far, and the number of entries."""
    found = select(AccountTotal.viewer_id, AccountTotal.points, AccountTotal.entries).where(
        AccountTotal.account == "watchtime", among(AccountTotal.viewer_id, viewer_ids)
    )
    return {row.viewer_id: (row.points, row.entries) for row in work.execute(found)}


_BUCKETS: tuple[Bucket, ...] = get_args(Bucket)


def forget(work: Work, subject: Subject) -> None:
    """Empty the balances of a forgotten person. Points from watching are reset as well, because
    their watchtime is deleted and counts from zero if they come back."""
    work.lock(Lock.POINTS)
    theirs = subject.viewer_ids
    watched = {
        (account, "earned"): points for account, (points, _) in _list_credited(work, theirs).items()
    }
    held = Counter[tuple[int, str]](store.get_balances(work, theirs))
    held.subtract(watched)
    # "forgotten" first: it returns spent points, so that no balance ever drops below zero.
    for account, taken in (("forgotten", held), ("watchtime", watched)):
        numbers = store.next_entry(work, account, theirs)
        for viewer_id in theirs:
            amounts = {bucket: taken.get((viewer_id, bucket), 0) for bucket in _BUCKETS}
            parts = [
                Part(viewer_id, bucket, amount) for bucket, amount in amounts.items() if amount
            ]
            key = f"{account}:{viewer_id}:{numbers[viewer_id]}"
            ledger.post(work, account, ledger.entries_for(key, parts, -1))


def credit_in_all_servers(services: Services, *, everybody: bool = False) -> None:
    """Call `credit` in every server. Once a day it covers all viewers, so that late watchtime is
    not missed."""
    with services.database.begin() as tx:
        guild_ids = list_present(tx)

    def credit_one(guild_id: int) -> None:
        with services.work_in(guild_id) as work:
            credit(work, everybody=everybody)

    for_each(guild_ids, credit_one)
