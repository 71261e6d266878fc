"""Tickets for watching: whole ones as soon as they are earned, the remainder to the microsecond."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from core.kit.database.connection import cache_of
from core.people.exclusions.actions import exclude_viewer
from core.raffle.ledger import earning
from core.watchtime.records import Adjustment
from tests.raffle.ledger.scene import HOUR, LEO, MIA, choose, link, rows, tickets, watches
from tests.raffle.scene import (
    ADMIN,
    END,
    MIDDLE,
    START,
    change_tickets,
    credit,
    do,
    list_balances,
    period,
    period_of,
    set_period,
)

MINUTE = timedelta(minutes=1)


def test_ten_tickets_an_hour_and_remainders_add_up(tx: Connection, guild_id: int) -> None:
    opened = period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    watches(tx, guild_id, MIA, MIDDLE, timedelta(minutes=65))
    assert credit(tx, opened, END) == 1
    assert tickets(tx, guild_id, mia) == 10
    watches(tx, guild_id, MIA, MIDDLE + 5 * HOUR, timedelta(seconds=59))
    assert credit(tx, opened, END) == 0
    watches(tx, guild_id, MIA, MIDDLE + 6 * HOUR, timedelta(seconds=1))
    assert credit(tx, opened, END) == 1
    assert credit(tx, opened, END) == 0
    assert rows(tx, guild_id, mia) == [("watchtime", 10), ("watchtime", 1)]


def test_only_watchtime_within_the_raffle_counts(tx: Connection, guild_id: int) -> None:
    mia = link(tx, guild_id, MIA)
    first = period(tx, guild_id)
    second = period(tx, guild_id, END, END + timedelta(days=31))
    watches(tx, guild_id, MIA, START - HOUR, 2 * HOUR)
    watches(tx, guild_id, MIA, END - HOUR, timedelta(minutes=90))
    for one in (first, second):
        credit(tx, one, END + HOUR)
    assert [tickets(tx, guild_id, mia, number) for number in (1, 2)] == [20, 5]


def test_watchtime_before_the_link_counts_after_linking(tx: Connection, guild_id: int) -> None:
    opened = period(tx, guild_id)
    watches(tx, guild_id, MIA, MIDDLE, HOUR)
    credit(tx, opened, END)
    assert list_balances(tx, guild_id, 1) == {}
    mia = link(tx, guild_id, MIA, MIDDLE + 2 * HOUR)
    assert tickets(tx, guild_id, mia) == 10


def test_viewers_excluded_from_watchtime_earn_no_tickets(tx: Connection, guild_id: int) -> None:
    opened = period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    watches(tx, guild_id, MIA, MIDDLE, HOUR)
    do(tx, guild_id, MIDDLE, exclude_viewer, mia, "everything")
    credit(tx, opened, END)
    assert tickets(tx, guild_id, mia) == 0


def adjust(tx: Connection, guild_id: int, viewer_id: int, minutes: int, key: str) -> None:
    tx.execute(
        insert(Adjustment).values(
            guild_id=guild_id,
            key=key,
            viewer_id=viewer_id,
            amount=minutes * MINUTE,
            reason="a test",
            actor=ADMIN,
            at=MIDDLE + HOUR,
        )
    )


def test_corrected_watchtime_corrects_tickets(tx: Connection, guild_id: int) -> None:
    opened = period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    watches(tx, guild_id, MIA, MIDDLE, HOUR)
    for minutes, there in ((0, 10), (-12, 8), (12, 10), (-12, 8), (-48, 0), (60, 10)):
        if minutes:
            adjust(tx, guild_id, mia, minutes, f"{minutes}:{there}:{len(rows(tx, guild_id, mia))}")
        credit(tx, opened, END)
        assert tickets(tx, guild_id, mia) == there
    amounts = [amount for _source, amount in rows(tx, guild_id, mia)]
    assert amounts == [10, -2, 2, -2, -8, 10]


def test_a_correction_takes_the_rest_once_there_are_tickets(tx: Connection, guild_id: int) -> None:
    opened = period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    watches(tx, guild_id, MIA, MIDDLE, HOUR)
    credit(tx, opened, END)
    change_tickets(tx, guild_id, "madcats", -9, "", "1", MIDDLE)
    adjust(tx, guild_id, mia, -30, "less")
    credit(tx, opened, END)
    assert tickets(tx, guild_id, mia) == 0
    change_tickets(tx, guild_id, "madcats", 20, "", "2", MIDDLE)
    credit(tx, opened, END)
    assert tickets(tx, guild_id, mia) == 5 - 9 + 20


def test_changed_rate_applies_to_later_watchtime(tx: Connection, guild_id: int) -> None:
    """1.5 h at 10, 1 h at 20, 1 h at 0, half an hour at 3: 15 + 20 + 0 + 1.5."""
    opened = period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    watches(tx, guild_id, MIA, MIDDLE, 4 * HOUR)
    credit(tx, opened, MIDDLE)
    for hours, rate in ((1.5, 20), (2.5, 0), (3.5, 3)):
        choose(tx, guild_id, "tickets_per_hour", rate)
        credit(tx, opened, MIDDLE + hours * HOUR)
    credit(tx, opened, END)
    assert tickets(tx, guild_id, mia) == 36


def test_ended_raffle_counts_until_its_end(tx: Connection, guild_id: int) -> None:
    opened = period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    watches(tx, guild_id, MIA, MIDDLE, 4 * HOUR)
    set_period(tx, guild_id, 1, ends_at=MIDDLE + HOUR)
    credit(tx, period_of(tx, guild_id, 1), END)
    assert tickets(tx, guild_id, mia) == 10
    assert opened.ends_at == END


@pytest.mark.parametrize("state", ["frozen", "drawn", "closed"])
def test_closed_or_frozen_raffle_earns_nothing(tx: Connection, guild_id: int, state: str) -> None:
    opened = period(tx, guild_id)
    link(tx, guild_id, MIA)
    watches(tx, guild_id, MIA, MIDDLE, HOUR)
    set_period(tx, guild_id, 1, state=state)
    assert credit(tx, opened, END) == 0


def test_until_next_returns_the_missing_time(tx: Connection, guild_id: int) -> None:
    opened = period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    assert do(tx, guild_id, MIDDLE, earning.until_next, opened, mia) == 6 * MINUTE
    watches(tx, guild_id, MIA, MIDDLE, 8 * MINUTE)
    assert do(tx, guild_id, MIDDLE + HOUR, earning.until_next, opened, mia) == 4 * MINUTE
    choose(tx, guild_id, "tickets_per_hour", 0)
    assert do(tx, guild_id, MIDDLE + HOUR, earning.until_next, opened, mia) is None
    assert do(tx, guild_id, END, earning.until_next, opened, mia) is None


stretches = st.lists(
    st.tuples(st.sampled_from([MIA, LEO]), st.integers(-300, 900), st.integers(1, 400)), max_size=6
)


@settings(max_examples=20)
@given(stretches=stretches, looks=st.lists(st.integers(0, 5), max_size=6))
def test_tickets_do_not_depend_on_how_often_they_are_credited(
    tx: Connection, guild_id: int, stretches: list[tuple[int, int, int]], looks: list[int]
) -> None:
    """Watch periods before, during and across the raffle, credited at random times in between. The
    model checks for each minute whether the viewer was watching."""
    begin = MIDDLE
    end = MIDDLE + 600 * MINUTE
    undo = tx.begin_nested()
    try:
        opened = period(tx, guild_id, begin, end)
        ids = {viewer_id: link(tx, guild_id, viewer_id) for viewer_id in (MIA, LEO)}
        minutes: dict[int, set[int]] = {MIA: set(), LEO: set()}
        live: set[int] = set()
        for n, (who, start, length) in enumerate(stretches):
            if live & set(range(start - 10, start + length + 10)):
                continue  # a message counts for ten minutes, also into a stream that follows
            live |= set(range(start, start + length))
            watches(tx, guild_id, who, begin + start * MINUTE, length * MINUTE)
            minutes[who] |= set(range(start, start + length)) & set(range(600))
            if n in looks:
                credit(tx, opened, END)
        credit(tx, opened, END)
        for who, viewer_id in ids.items():
            assert tickets(tx, guild_id, viewer_id) == len(minutes[who]) // 6
    finally:
        undo.rollback()
        cache_of(tx).clear()
