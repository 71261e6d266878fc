"""What watching is worth, to the microsecond."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.raffle.ledger import rules
from core.raffle.ledger.rules import Rate

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

times = st.timedeltas(timedelta(0), timedelta(days=31))
rates = st.integers(0, 100)


def test_a_ticket_comes_with_its_last_microsecond() -> None:
    six_minutes = timedelta(minutes=6)
    assert rules.tickets_for([(six_minutes - rules.MICROSECOND, 10)]) == 0
    assert rules.tickets_for([(six_minutes, 10)]) == 1
    assert rules.tickets_for([(timedelta(hours=2, minutes=59), 10)]) == 29


def test_remainders_of_two_rates_add_up() -> None:
    """3 of 6 minutes at 10, then 1.5 of 3 minutes at 20: one ticket."""
    halves = [(timedelta(minutes=3), 10), (timedelta(minutes=1, seconds=30), 20)]
    assert rules.tickets_for(halves) == 1


@given(st.lists(st.tuples(times, rates), max_size=5), rates)
def test_until_next_is_exactly_that(earned: list[rules.Earned], per_hour: int) -> None:
    missing = rules.until_next(earned, per_hour)
    if missing is None:
        assert per_hour == 0
        return
    now = rules.tickets_for(earned)
    assert rules.tickets_for([*earned, (missing, per_hour)]) > now
    assert rules.tickets_for([*earned, (missing - rules.MICROSECOND, per_hour)]) == now


def test_a_period_is_cut_where_the_rate_changed() -> None:
    ten, none, twenty = START + HOUR * 10, START + HOUR * 20, START + HOUR * 30
    known = [Rate(START + HOUR, 10), Rate(ten, 0), Rate(none, 5), Rate(twenty, 20)]
    assert rules.parts(known, START, END) == [
        (START, ten, 10),
        (ten, none, 0),
        (none, twenty, 5),
        (twenty, END, 20),
    ]
    assert rules.parts(known, START, ten) == [(START, ten, 10)], "it was ended early"


@pytest.mark.parametrize(
    ("due", "posted", "balance", "change"),
    [
        (5, 3, 3, 2),
        (5, 5, 0, 0),
        (3, 5, 9, -2),
        (3, 5, 1, -1),
        (3, 5, 0, 0),
    ],
)
def test_it_never_takes_more_than_is_there(
    due: int, posted: int, balance: int, change: int
) -> None:
    assert rules.change(due, posted, balance) == change
