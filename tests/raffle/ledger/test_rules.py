"""What watching is worth, to the microsecond."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.raffle import rules

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

amounts = st.integers(0, timedelta(days=31) // rules.MICROSECOND)
rates = st.integers(0, 100)


def micro(**parts: float) -> int:
    return timedelta(**parts) // rules.MICROSECOND


def hourly(*earned: rules.Earned) -> int:
    return rules.tickets_for(earned, rules.HOUR)


def test_a_ticket_needs_its_last_microsecond() -> None:
    assert hourly((micro(minutes=6) - 1, 10)) == 0
    assert hourly((micro(minutes=6), 10)) == 1
    assert hourly((micro(hours=2, minutes=59), 10)) == 29


def test_remainders_of_two_rates_add_up() -> None:
    """3 of 6 minutes at 10, then 1.5 of 3 minutes at 20: one ticket."""
    assert hourly((micro(minutes=3), 10), (micro(minutes=1, seconds=30), 20)) == 1


def test_dollar_amounts_are_exact() -> None:
    """A ticket for each $50 at 20 per $1,000; thirds of a cent are not lost."""
    third = Fraction(Decimal("16.66666666666666666666666666666666"))
    assert rules.tickets_for([(third, 20)] * 3, 1000) == 0
    assert rules.tickets_for([(third, 20)] * 3 + [(Fraction(Decimal("4e-32")), 20)], 1000) == 1
    assert rules.tickets_for([(Fraction("12345.67"), 20)], 1000) == 246


@given(st.lists(st.tuples(amounts, rates), max_size=5), rates)
def test_until_next_is_exact(earned: list[rules.Earned], per_hour: int) -> None:
    missing = rules.until_next(earned, per_hour)
    if missing is None:
        assert per_hour == 0
        return
    now, more = hourly(*earned), missing // rules.MICROSECOND
    assert hourly(*earned, (more, per_hour)) > now
    assert hourly(*earned, (more - 1, per_hour)) == now


def test_period_is_split_where_the_rate_changed() -> None:
    ten, none, twenty = START + HOUR * 10, START + HOUR * 20, START + HOUR * 30
    known = [(START + HOUR, 10), (ten, 0), (none, 5), (twenty, 20)]
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
def test_a_change_never_takes_more_than_the_balance(
    due: int, posted: int, balance: int, change: int
) -> None:
    assert rules.change(due, posted, balance) == change


def test_a_chance_is_never_shown_as_zero() -> None:
    assert rules.chance_words(85, 115) == "73.9%"
    assert rules.chance_words(1, 2000) == "under 0.1%"
    assert rules.chance_words(0, 2000) == "0.0%"
    assert rules.chance_words(0, 0) == "0.0%"
