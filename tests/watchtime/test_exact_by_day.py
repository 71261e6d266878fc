"""Daily limits, periods, corrections and exclusions, compared with the slow model around midnights
at which clocks change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from core.events import Event
from core.guilds import actions as guilds
from core.guilds.settings import TIME_ZONE
from core.kit.database.connection import Database
from core.kit.database.work import run_in_guild
from core.kit.text.calendar import Stretch
from core.people.lookup import find_by_name
from core.watchtime import actions, periods, standings, store, views
from core.watchtime.records import DailyLimit
from core.watchtime.rules import Limit, Period, WatchtimeSettings, stretch_of
from tests.acting import act
from tests.conftest import GUILD, OTHER_GUILD
from tests.watchtime.model import (
    EVENING,
    Piece,
    Teller,
    at,
    counted,
    exclude,
    length,
    tell,
    watched,
    within,
)
from tests.watchtime.test_exact import play, stories

DAILY_LIMIT = WatchtimeSettings.declared["daily_limit_minutes"]
MINUTE, TEN = timedelta(minutes=1), timedelta(minutes=10)
NOBODY = 99


@dataclass(frozen=True)
class Place:
    """A zone, and an evening there of which something can be learned."""

    zone: str
    evening: datetime

    def __str__(self) -> str:
        return self.zone


PLACES = (
    Place("UTC", datetime(2026, 3, 1, 22, 0, tzinfo=UTC)),
    # Clocks leap in the night, at 2:00.
    Place("Europe/Stockholm", datetime(2026, 3, 28, 22, 0, tzinfo=UTC)),
    # Clocks are set back in the night, and the month ends at midnight.
    Place("America/New_York", datetime(2026, 11, 1, 3, 0, tzinfo=UTC)),
    # Clocks leap at midnight: the day begins at 1:00.
    Place("America/Havana", datetime(2026, 3, 8, 4, 0, tzinfo=UTC)),
    Place("Africa/Cairo", datetime(2026, 4, 23, 20, 30, tzinfo=UTC)),
    # By half an hour.
    Place("Australia/Lord_Howe", datetime(2026, 4, 4, 12, 30, tzinfo=UTC)),
)


def moved(event: Event, by: timedelta) -> Event:
    """The same events, moved to another evening."""
    instants: dict[str, Any] = {"at": event.at + by}
    if hasattr(event, "started_at"):
        instants["started_at"] = event.started_at + by
    return replace(event, **instants)


@st.composite
def limits(draw: st.DrawFn, place: Place) -> list[Limit]:
    """Up to three, of which the last one holds at the end."""
    minutes = draw(st.lists(st.integers(-60, 200), unique=True, min_size=1, max_size=3))
    mosts = st.sampled_from([timedelta(minutes=7), timedelta(minutes=15), timedelta(hours=1), None])
    zones = st.sampled_from([place.zone, place.zone, "Asia/Tokyo"])
    return [
        Limit(place.evening + timedelta(minutes=m), draw(mosts), draw(zones))
        for m in sorted(minutes)
    ]


def write_down(tx: Connection, known: Sequence[Limit], zone: str) -> None:
    """As if an admin had set them, one after the other."""
    last = known[-1] if known else Limit(EVENING, None, zone)
    act(tx, GUILD, guilds.change_setting, TIME_ZONE, last.time_zone)
    maximum = last.maximum or timedelta()
    act(tx, GUILD, guilds.change_setting, DAILY_LIMIT, int(maximum.total_seconds()) // 60)
    for one in known:
        tx.execute(insert(DailyLimit).values(guild_id=GUILD, **one._asdict()))


def our_ids(tx: Connection) -> dict[int, int]:
    """Platform user id -> our number."""
    found = tx.exec_driver_sql(
        f"SELECT platform_user_id, viewer_id FROM people_viewers WHERE guild_id = {GUILD}"
    )
    return {row[0]: row[1] for row in found}


def limited_evening(tx: Connection) -> Teller:
    """In Stockholm the day begins at at(60), an hour before that of UTC; seven minutes of it
    count."""
    zone = "Europe/Stockholm"
    write_down(tx, [Limit(at(-60), timedelta(minutes=7), zone)], zone)
    return Teller(GUILD)


def watched_now(tx: Connection) -> dict[int, timedelta]:
    actions.credit(tx, GUILD)
    assert store.list_drift(tx) == []
    return watched(tx, GUILD)


def test_daily_limit_spans_utc_midnight(tx: Connection) -> None:
    teller = limited_evening(tx)
    tell(tx, teller.says(1, at(40)), teller.says(1, at(70)), teller.seen_live(at(0), at(125)))
    assert watched_now(tx) == {1: timedelta(minutes=7 + 7)}
    tell(tx, teller.says(1, at(130)), teller.seen_live(at(0), at(150)))
    assert watched_now(tx) == {1: timedelta(minutes=14)}


def test_late_message_replaces_later_minutes_under_a_limit(tx: Connection) -> None:
    """The first minutes of the day count, in whatever order they become known."""
    teller = limited_evening(tx)
    tell(tx, teller.says(1, at(130)), teller.seen_live(at(0), at(150)))
    assert watched_now(tx) == {1: timedelta(minutes=7)}
    tell(tx, teller.says(1, at(70)))
    assert watched_now(tx) == {1: timedelta(minutes=7)}
    assert within_hour(tx, at(60)) == timedelta(minutes=7)
    assert within_hour(tx, at(120)) == timedelta()


def test_late_message_affects_later_streams_of_the_day(tx: Connection) -> None:
    teller = limited_evening(tx)
    tell(tx, teller.went_live(at(60)), teller.ended(at(60), at(100)))
    tell(tx, teller.says(1, at(130)), teller.went_live(at(125)), teller.ended(at(125), at(150)))
    assert watched_now(tx) == {1: timedelta(minutes=7)}
    tell(tx, teller.says(1, at(70)))
    assert watched_now(tx) == {1: timedelta(minutes=7)}
    assert within_hour(tx, at(120)) == timedelta()


def within_hour(tx: Connection, start: datetime) -> timedelta:
    (number,) = our_ids(tx).values()
    found = periods.watched_between(tx, GUILD, [number], start, start + timedelta(hours=1))
    return found.get(number, timedelta())


@pytest.mark.parametrize("place", PLACES, ids=str)
@settings(max_examples=50)
@given(data=st.data())
def test_limited_totals_match_the_slow_model(
    database: Database, place: Place, data: st.DataObject
) -> None:
    story = [moved(event, place.evening - EVENING) for event in data.draw(stories())]
    known = data.draw(limits(place))
    credit_after = data.draw(st.frozensets(st.integers(0, 30), max_size=5))
    with database.engine.connect() as tx:
        tx.info.clear()
        write_down(tx, known, place.zone)
        play(tx, story, credit_after)
        pieces = counted(story, TEN, known)
        ids = our_ids(tx)
        for viewer, theirs in pieces.items():
            assert standings.get_watched(tx, GUILD, ids[viewer]) == length(theirs)
        check_periods(tx, pieces, ids, place, data)
        assert store.list_drift(tx) == []
        assert actions.credit(tx, GUILD) == 0
        tx.rollback()


def check_periods(
    tx: Connection,
    pieces: dict[int, list[Piece]],
    ids: dict[int, int],
    place: Place,
    data: st.DataObject,
) -> None:
    """Any stretch of time, and three that touch."""
    cut = st.integers(-30, 300).map(lambda m: place.evening + timedelta(minutes=m, microseconds=m))
    first, second = sorted((data.draw(cut), data.draw(cut)))
    ends = (place.evening - timedelta(days=40), first, second, place.evening + timedelta(days=40))
    for start, end in pairwise(ends):
        found = periods.watched_between(tx, GUILD, list(ids.values()), start, end)
        model = {ids[v]: within(theirs, start, end) for v, theirs in pieces.items()}
        assert found == {number: time for number, time in model.items() if time}
    assert periods.watched_between(tx, OTHER_GUILD, list(ids.values()), ends[0], ends[-1]) == {}


@pytest.mark.parametrize("place", PLACES, ids=str)
@settings(max_examples=20)
@given(data=st.data())
def test_leaderboards_match_the_slow_model(
    database: Database, place: Place, data: st.DataObject
) -> None:
    """All time, month, week and day, with corrections and without the excluded."""
    zone = ZoneInfo(place.zone)
    story = [moved(event, place.evening - EVENING) for event in data.draw(stories())]
    minute = st.integers(-60, 300).map(lambda m: place.evening + timedelta(minutes=m))
    gifts = data.draw(
        st.lists(st.tuples(st.integers(1, 3), st.integers(-30, 90), minute), max_size=4)
    )
    excluded = data.draw(st.sets(st.integers(1, 3), max_size=1))
    now = data.draw(minute)
    with database.engine.connect() as tx:
        tx.info.clear()
        act(tx, GUILD, guilds.change_setting, TIME_ZONE, place.zone)
        play(tx, story, frozenset())
        pieces, ids = counted(story, TEN), our_ids(tx)
        given_to = correct(tx, gifts, pieces, ids)
        for viewer in excluded & ids.keys():
            exclude(tx, GUILD, f"viewer{viewer}", now)
        for period in get_args(Period):
            stretch = stretch_of(period, now, zone)
            board = run_in_guild(tx, GUILD, NOBODY, now, views.get_board, period, 25)
            model = {
                f"viewer{v}": summed(theirs, given_to.get(v, []), stretch)
                for v, theirs in pieces.items()
                if v not in excluded
            }
            assert {p.name: p.watched for p in board.places} == {
                name: time for name, time in model.items() if time > timedelta()
            }
            times = [p.watched for p in board.places]
            assert times == sorted(times, reverse=True)
            assert [p.rank for p in board.places] == [1 + sum(t > u for t in times) for u in times]
        assert store.list_drift(tx) == []
        tx.rollback()


Gift = tuple[datetime, timedelta]


def correct(
    tx: Connection,
    gifts: Sequence[tuple[int, int, datetime]],
    pieces: dict[int, list[Piece]],
    ids: dict[int, int],
) -> dict[int, list[Gift]]:
    """Make those corrections that leave nobody below zero; returns them."""
    done: dict[int, list[Gift]] = {}
    for number, (viewer, minutes, when) in enumerate(gifts):
        amount = timedelta(minutes=minutes)
        total = length(pieces.get(viewer, ())) + sum((a for _, a in done.get(viewer, ())), amount)
        if viewer in ids and minutes and total >= timedelta():
            name = f"viewer{viewer}"
            for _ in range(2):  # delivered twice
                run_in_guild(
                    tx, GUILD, 1, when, actions.adjust, name, minutes, "for fun", f"test:{number}"
                )
            done.setdefault(viewer, []).append((when, amount))
    return done


def summed(theirs: list[Piece], given_to: list[Gift], stretch: Stretch | None) -> timedelta:
    if stretch is None:
        return length(theirs) + sum((amount for _when, amount in given_to), timedelta())
    start, end = stretch.starts_at, stretch.ends_at
    corrected = (amount for when, amount in given_to if start <= when < end)
    return within(theirs, start, end) + sum(corrected, timedelta())


def test_a_limit_applies_from_when_it_was_set_and_takes_nothing_away(
    tx: Connection, guild_id: int
) -> None:
    """The database's own clock says when; here that is now."""
    teller_now = datetime.now(UTC).replace(microsecond=0)
    start = teller_now - timedelta(minutes=30)
    teller = Teller(guild_id)
    tell(tx, *(teller.says(1, start + timedelta(minutes=m)) for m in range(0, 90, 5)))
    tell(tx, teller.seen_live(start, teller_now))
    actions.credit(tx, guild_id)
    viewer = find_by_name(tx, guild_id, "viewer1")
    assert viewer is not None
    before = standings.get_watched(tx, guild_id, viewer.viewer_id)
    assert before >= timedelta(minutes=29)
    act(tx, guild_id, guilds.change_setting, DAILY_LIMIT, 15)
    tell(tx, teller.seen_live(start, teller_now + timedelta(minutes=60)))
    actions.credit(tx, guild_id)
    after = standings.get_watched(tx, guild_id, viewer.viewer_id)
    assert before < after
    assert after - before <= timedelta(minutes=31), "fifteen before and after a midnight at most"
    assert store.list_drift(tx) == []


def test_card_shows_the_limit_once_nothing_more_counts(tx: Connection, guild_id: int) -> None:
    """Also on the day on which it was set, which counts anew from then on."""
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    teller, end = Teller(guild_id), noon.replace(hour=0) + timedelta(days=1)
    tell(tx, teller.went_live(noon), *(teller.says(1, noon + m * MINUTE) for m in range(0, 60, 5)))
    tell(tx, teller.seen_live(noon, noon + 20 * MINUTE))
    act(tx, guild_id, guilds.change_setting, DAILY_LIMIT, 15)
    row = {"applies_from": noon + 20 * MINUTE, "maximum": 15 * MINUTE, "time_zone": "UTC"}
    tx.execute(insert(DailyLimit).values(guild_id=guild_id, **row))
    viewer = find_by_name(tx, guild_id, "viewer1")
    assert viewer is not None
    for minute, limit_ends_at in ((20, None), (34, None), (35, end), (50, end)):
        tell(tx, teller.seen_live(noon, noon + minute * MINUTE))
        actions.credit(tx, guild_id)
        found = run_in_guild(tx, guild_id, NOBODY, noon + minute * MINUTE, views.get_status, viewer)
        assert found.rank.watched == min(minute, 35) * MINUTE
        assert found.limit_ends_at == limit_ends_at
