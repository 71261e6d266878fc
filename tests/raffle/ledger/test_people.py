"""Tickets of people with accounts on both platforms, also when they link in the middle of a
raffle."""

import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from core.events import AccountLinked, AccountUnlinked, Event
from core.inbox.handlers import collect, handle
from core.kit.database.connection import cache_of
from core.people import store as people
from core.raffle.feature import FEATURE as RAFFLE
from core.raffle.ledger import earning, store
from core.raffle.ledger.gifts import void_drop
from core.raffle.records import Gift
from core.watchtime import actions as watchtime
from core.watchtime import periods
from core.watchtime.feature import FEATURE as WATCHTIME
from tests.acting import act
from tests.raffle.ledger.scene import HOUR, LEO, MIA, NAMES, choose, gives, tickets
from tests.raffle.scene import END, MIDDLE, START, change_tickets, do, period, period_of
from tests.watchtime.model import Teller, tell

KICK, TWITCH = "kick", "twitch"


def viewer(tx: Connection, guild_id: int, platform: str, user_id: int) -> int:
    return people.set_viewer(tx, guild_id, platform, user_id, NAMES[user_id] + platform[0], START)


def watch(tx: Connection, guild_id: int, platform: str, user_id: int, minutes: range) -> None:
    """Chat every ten minutes, while the channel is live there."""
    teller, stretch = Teller(guild_id, platform), minutes
    start = MIDDLE + timedelta(minutes=stretch.start)
    end = MIDDLE + timedelta(minutes=stretch.stop)
    tell(tx, teller.went_live(start))
    name = NAMES[user_id] + platform[0]
    said = [start + timedelta(minutes=n) for n in range(0, len(stretch), 10)]
    tell(tx, *(teller.says(user_id, at, name=name) for at in said))
    tell(tx, teller.ended(start, end))


def change(tx: Connection, guild_id: int, viewer_id: int, member: int, *, linked: bool) -> None:
    """Link or unlink an account; watchtime and raffle handle the event."""
    link = act(tx, guild_id, people.find_link_of_viewer, viewer_id)
    platform = people.get_viewer(tx, guild_id, viewer_id).platform
    event: Event
    about: dict[str, Any] = {
        "guild_id": guild_id,
        "at": MIDDLE,
        "platform": platform,
        "discord_id": member,
    }
    if linked:
        people.add_link(tx, guild_id, member, platform, viewer_id, MIDDLE)
        event = AccountLinked(key="x", viewer_id=viewer_id, name="x", **about)
    else:
        assert link is not None
        people.end_link(tx, link)
        event = AccountUnlinked(key="x", viewer_id=viewer_id, **about)
    for feature in (WATCHTIME, RAFFLE):
        cache_of(tx).clear()
        if type(event) in feature.handlers:
            handle(tx, collect([feature]), [event])


def credit(tx: Connection, guild_id: int) -> None:
    cache_of(tx).clear()
    watchtime.credit(tx, guild_id)
    do(tx, guild_id, MIDDLE + 10 * HOUR, earning.credit, period_of(tx, guild_id, 1))


@pytest.fixture
def both(tx: Connection, guild_id: int) -> tuple[int, int]:
    """Mia watches an hour on each platform, of which half an hour is at the same time."""
    period(tx, guild_id)
    choose(tx, guild_id, "tickets_per_hour", 10)
    watch(tx, guild_id, KICK, MIA, range(0, 60))
    watch(tx, guild_id, TWITCH, MIA, range(30, 90))
    credit(tx, guild_id)
    return viewer(tx, guild_id, KICK, MIA), viewer(tx, guild_id, TWITCH, MIA)


def test_time_on_both_platforms_earns_tickets_once(
    tx: Connection, guild_id: int, both: tuple[int, int]
) -> None:
    for viewer_id in both:
        change(tx, guild_id, viewer_id, 5, linked=True)
    credit(tx, guild_id)
    for viewer_id in both:
        assert tickets(tx, guild_id, viewer_id) == 15
    own = do(tx, guild_id, MIDDLE, store.get_own, 1, both[1])
    assert (own.tickets, own.rank, own.linked, own.pool) == (15, 1, True, (1, 15))


def test_what_was_credited_apart_is_corrected_when_they_are_linked(
    tx: Connection, guild_id: int, both: tuple[int, int]
) -> None:
    change(tx, guild_id, both[0], 5, linked=True)
    change(tx, guild_id, both[1], 6, linked=True)
    assert [tickets(tx, guild_id, account) for account in both] == [10, 10]
    change(tx, guild_id, both[1], 6, linked=False)
    change(tx, guild_id, both[1], 5, linked=True)
    assert [tickets(tx, guild_id, account) for account in both] == [15, 15]
    change(tx, guild_id, both[1], 5, linked=False)
    change(tx, guild_id, both[1], 6, linked=True)
    credit(tx, guild_id)
    assert [tickets(tx, guild_id, account) for account in both] == [10, 10]


def test_tickets_are_taken_from_any_account(
    tx: Connection, guild_id: int, both: tuple[int, int]
) -> None:
    for viewer_id in both:
        change(tx, guild_id, viewer_id, 5, linked=True)
    change_tickets(tx, guild_id, "<@5>", -15, "mistake", "take", MIDDLE)
    change_tickets(tx, guild_id, "<@5>", -15, "mistake", "take", MIDDLE)
    assert tickets(tx, guild_id, both[0]) == 0
    credit(tx, guild_id)
    assert tickets(tx, guild_id, both[0]) == 0, "a correction stays"


def test_gift_of_one_account_is_taken_back_from_the_other(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    choose(tx, guild_id, "tickets_per_gifted_sub", 5)
    gives(tx, guild_id, MIA)
    kick = people.set_viewer(tx, guild_id, KICK, MIA, NAMES[MIA], START)
    twitch = viewer(tx, guild_id, TWITCH, MIA)
    for viewer_id in (kick, twitch):
        change(tx, guild_id, viewer_id, 5, linked=True)
    change_tickets(tx, guild_id, f"twitch:{NAMES[MIA]}t", 4, "prize", "give", MIDDLE)
    change_tickets(tx, guild_id, f"kick:{NAMES[MIA]}", -3, "mistake", "take", MIDDLE)
    assert tickets(tx, guild_id, kick) == 6
    drop = do(tx, guild_id, MIDDLE, lambda work: work.scalars(select(Gift.drop)).one())
    voided = do(tx, guild_id, MIDDLE, void_drop, drop)
    assert (voided.taken, voided.missing) == (5, 0)
    assert tickets(tx, guild_id, twitch) == 1


def test_tickets_match_the_watchtime_whatever_is_linked(tx: Connection, guild_id: int) -> None:
    """Random links, unlinks and credits. In the end everybody linked has the tickets of the time
    that their person watched."""
    chance = random.Random(5)
    period(tx, guild_id)
    choose(tx, guild_id, "tickets_per_hour", 10)
    accounts = [(p, u) for p in (KICK, TWITCH) for u in (MIA, LEO)]
    for platform, user_id in accounts:
        viewer(tx, guild_id, platform, user_id)
    for platform, user_id in accounts:
        start = chance.randrange(0, 60, 10)
        watch(tx, guild_id, platform, user_id, range(start, start + chance.randrange(30, 120, 7)))
    ids = [viewer(tx, guild_id, *account) for account in accounts]
    members: dict[int, int] = {}
    for _step in range(40):
        number = chance.randrange(4)
        viewer_id, platform = ids[number], accounts[number][0]
        if viewer_id in members:
            change(tx, guild_id, viewer_id, members.pop(viewer_id), linked=False)
        else:
            free = [
                m
                for m in (5, 6)
                if not any(
                    member == m and accounts[ids.index(v)][0] == platform
                    for v, member in members.items()
                )
            ]
            if free:
                members[viewer_id] = chance.choice(free)
                change(tx, guild_id, viewer_id, members[viewer_id], linked=True)
        if chance.random() < 0.4:
            credit(tx, guild_id)
        credit(tx, guild_id)
        watched = periods.watched_between(tx, guild_id, None, START, END)
        for one in members:
            person = people.get_person(tx, guild_id, one)
            due = int(watched.get(person, timedelta()) / HOUR * 10)
            assert tickets(tx, guild_id, one) == due
