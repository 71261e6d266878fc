"""Watchtime is exact: compared with the slow model over events in any order, any number of times,
with credits in between wherever they fall."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from core.events import Event
from core.guilds import actions as guilds
from core.kit.database.connection import Database
from core.watchtime import actions, store
from core.watchtime.rules import WatchtimeSettings
from tests.acting import act
from tests.conftest import GUILD, OTHER_GUILD
from tests.watchtime.model import Teller, at, expected, tell, watched

# Few instants, so that windows and streams touch, overlap and end together; some a little off.
instants = st.builds(
    lambda tens, off: at(10 * tens, off),
    st.integers(0, 24),
    st.sampled_from([0, 0, 0, 1, -1, 333_333, 250_000_001]),
)
teller = Teller(GUILD)
messages = st.builds(teller.says, st.integers(1, 3), instants)


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """What we may come to know of one stream: any part of it may be missing, looks may
    contradict the end."""
    start = draw(instants)
    later = st.builds(lambda minutes: start + timedelta(minutes=minutes), st.integers(0, 120))
    told: list[Event] = [
        teller.seen_live(start, look) for look in draw(st.lists(later, max_size=3))
    ]
    told += [teller.ended(start, end) for end in draw(st.lists(later, max_size=2))]
    return [*told, teller.went_live(start)] if draw(st.booleans()) else told


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    told = [
        event for stream in draw(st.lists(streams(), min_size=1, max_size=3)) for event in stream
    ]
    told += draw(st.lists(messages, min_size=1, max_size=12))
    told += [teller.seen_offline(look) for look in draw(st.lists(instants, max_size=2))]
    again = draw(st.lists(st.sampled_from(told), max_size=5)) if told else []
    return draw(st.permutations([*told, *again]))


def play(
    tx: Connection, story: Sequence[Event], credit_after: frozenset[int], *, in_batches: bool = True
) -> None:
    """Credit after the events at these places; the events in between are handled together or one by
    one.
    """
    batch: list[Event] = []
    for index, event in enumerate(story):
        batch.append(event)
        if index in credit_after or not in_batches:
            tell(tx, *batch)
            batch.clear()
        if index in credit_after:
            actions.credit(tx, GUILD)
    tell(tx, *batch)
    actions.credit(tx, GUILD)


@settings(max_examples=150)
@given(
    story=stories(),
    credit_after=st.just(frozenset(range(50))) | st.frozensets(st.integers(0, 30), max_size=10),
    minutes=st.sampled_from([1, 10, 60]),
    in_batches=st.booleans(),
)
def test_totals_match_the_slow_model(
    database: Database,
    story: list[Event],
    credit_after: frozenset[int],
    minutes: int,
    in_batches: bool,
) -> None:
    with database.engine.connect() as tx:
        tx.info.clear()
        act(tx, GUILD, guilds.change_setting, WatchtimeSettings.declared["window_minutes"], minutes)
        play(tx, story, credit_after, in_batches=in_batches)
        assert watched(tx, GUILD) == expected(story, timedelta(minutes=minutes))
        assert watched(tx, OTHER_GUILD) == {}
        assert actions.credit(tx, GUILD) == 0, "what is credited is not credited again"
        assert store.list_stale_guilds(tx) == []
        assert presence_outside_its_day(tx) == 0
        assert store.list_drift(tx) == []
        tx.rollback()


def presence_outside_its_day(tx: Connection) -> int:
    return int(
        tx.execute(
            text("""
                SELECT count(*) FROM watchtime_days
                 WHERE NOT present <@ tstzmultirange(tstzrange(
                           day::timestamp AT TIME ZONE 'UTC',
                           (day + 1)::timestamp AT TIME ZONE 'UTC'))
            """)
        ).scalar_one()
    )


def test_slow_model_matches_a_hand_computed_example() -> None:
    """The model itself, on a story small enough to do on paper."""
    start = at(0)
    story: list[Event] = [
        teller.went_live(start),
        teller.seen_live(start, at(34)),  # Kick's list lags behind
        teller.ended(start, at(30)),
        teller.says(1, at(-5)),  # 5 of its 10 minutes lie before the stream
        teller.says(1, at(2)),  # 7 more
        teller.says(2, at(25)),  # 5 of 10 lie after the end
        teller.says(3, at(30)),
    ]
    assert expected(story, timedelta(minutes=10)) == {
        1: timedelta(minutes=12),
        2: timedelta(minutes=5),
    }


def story_of_an_evening() -> list[Event]:
    first, second = at(0, 7), at(100)
    return [
        teller.went_live(first),
        *(teller.says(1, at(minute, 250_001)) for minute in (1, 8, 30, 55)),
        *(teller.seen_live(first, at(minute)) for minute in range(1, 60)),
        teller.ended(first, at(59, 500_000)),
        teller.says(2, at(95)),
        teller.went_live(second),
        teller.says(2, at(115)),
        *(teller.seen_live(second, at(minute)) for minute in range(101, 130)),
    ]


def test_credit_interval_does_not_change_totals(database: Database) -> None:
    """From a credit after every event to one at the very end, and after downtime."""

    def totals(every: int) -> dict[int, timedelta]:
        with database.engine.connect() as tx:
            tx.info.clear()
            story = story_of_an_evening()
            play(tx, story, frozenset(range(0, len(story), every)))
            found = watched(tx, GUILD)
            tx.rollback()
        return found

    by_hand = {
        # 01:00.250001-18:00.250001, 30-40, 55:00.250001-59:00.5
        1: timedelta(minutes=17 + 10 + 4, microseconds=500_000 - 250_001),
        # 100-105 of the window from 95; 115-125
        2: timedelta(minutes=5 + 10),
    }
    for every in (1, 2, 7, 1000):
        assert totals(every) == by_hand


def test_fractions_of_a_second_are_not_lost(tx: Connection) -> None:
    """A hundred credits of about a thousandth of a second each."""
    start: datetime = at(0)
    tell(tx, teller.says(1, start), teller.went_live(start))
    for step in range(1, 101):
        tell(tx, teller.seen_live(start, at(0, step * 1_009)))
        assert actions.credit(tx, GUILD) == 1
    assert watched(tx, GUILD) == {1: timedelta(microseconds=100_900)}
