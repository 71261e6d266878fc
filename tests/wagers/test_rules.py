"""What counts, by a slow and obvious model too."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wagers.rules import (
    RELINK_AFTER,
    Baseline,
    Counted,
    allowance,
    can_link_at,
    change,
    clean_name,
)
from tests.kick.rig import NOON

NO_LIMIT = Decimal(10**15)

amounts = st.decimals(min_value=0, max_value=10**14, allow_nan=False, places=18)


@dataclass
class Model:
    """Totals one after the other, in whole units of the eighteenth decimal."""

    totals: list[int]
    allowed: int = 10**60
    counted: int = 0
    held: int = 0

    def play(self) -> "Model":
        for place, after in enumerate(self.totals[1:], 1):
            before, highest = self.totals[place - 1], max(self.totals[:place])
            new = max(0, after - highest)
            if new <= self.allowed:
                self.counted += new
                self.held += max(0, after - before) - new
            else:
                self.held += after - before
        return self


def units(amount: Decimal) -> int:
    return int(Fraction(amount) * 10**18)


@given(st.lists(amounts, min_size=1, max_size=12), amounts)
def test_any_totals_match_the_model(totals: list[Decimal], allowed: Decimal) -> None:
    at, counted, held = Baseline(totals[0], totals[0]), 0, 0
    for total in totals[1:]:
        found = change(at, total, allowed)
        assert (found is None) == (total == at.total)
        if found is not None:
            counted, held = counted + units(found.amount), held + units(found.held)
            assert min(found.amount, found.held) >= 0
            assert (found.reason is None) == (found.held == 0)
            at = found.after
    model = Model([units(total) for total in totals], allowed=units(allowed)).play()
    assert (counted, held) == (model.counted, model.held)
    assert counted <= units(max(totals)) - units(totals[0])


@given(st.lists(amounts, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_missed_responses_do_not_change_the_sum_of_rising_totals(
    totals: list[Decimal], random: object
) -> None:
    """The final count is the same however many responses are missed."""
    rising = sorted(totals)
    some = [rising[0], *(t for t in rising[1:-1] if hash((t, str(random))) % 2), rising[-1]]
    assert counted_of(rising) == counted_of(some) == units(rising[-1]) - units(rising[0])


def counted_of(totals: list[Decimal]) -> int:
    at, counted = Baseline(totals[0], totals[0]), 0
    for total in totals[1:]:
        found = change(at, total, NO_LIMIT)
        if found is not None:
            counted, at = counted + units(found.amount), found.after
    return counted


def played(*totals: str) -> list[tuple[str, str]]:
    """(counted, held) of each answer after the first."""
    at, told = Baseline(Decimal(totals[0]), Decimal(totals[0])), []
    for total in totals[1:]:
        found = change(at, Decimal(total), NO_LIMIT)
        told.append((str(found.amount), str(found.held)) if found else ("0", "0"))
        at = found.after if found else at
    return told


def test_small_wagers_add_up() -> None:
    assert played("100", "100.01", "100.03") == [("0.01", "0"), ("0.02", "0")]


def test_what_comes_back_is_held_whether_at_once_or_in_small_steps() -> None:
    climb = [str(total) for total in range(200, 1800, 100)]
    assert played("1500", "100", *climb)[1:] == [*[("0", "100")] * 14, *[("100", "0")] * 2]
    assert played("5440", "140", "150", "5450") == [("0", "0"), ("0", "10"), ("10", "5290")]
    assert played("1000", "1500", "200", "260", "2000")[1:] == [
        ("0", "0"),
        ("0", "60"),
        ("500", "1240"),
    ]


def test_what_is_new_and_above_the_limit_is_held_completely() -> None:
    start = Baseline(Decimal(100), Decimal(100))
    above = change(start, Decimal("125100.01"), Decimal(125000))
    assert above
    assert [above.amount, above.held, above.reason] == [Decimal(0), Decimal("125000.01"), "fast"]
    within = change(start, Decimal(125100), Decimal(125000))
    assert within
    assert [within.amount, within.held, within.reason] == [Decimal(125000), Decimal(0), None]


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def counted_at(since: float, at: float, amount: str) -> Counted:
    return Counted(int(at * 60), minute(since), minute(at), Decimal(amount))


def test_limit_is_for_any_hour_and_a_longer_gap_allows_more_in_proportion() -> None:
    def allowed(since: float, at: float, *counted: Counted) -> Fraction:
        return allowance(100, minute(since), minute(at), counted)

    assert allowed(0, 0) == allowed(0, 60) == 100
    assert allowed(0, 61) == Fraction(6100, 60)
    assert allowed(0, 48 * 60) == 4800
    ten = counted_at(0, 10, "99.99")
    assert allowed(10, 11, ten) == allowed(10, 69.99, ten) == Fraction("0.01")
    assert allowed(10, 70, ten) == 100
    # 4 hours' worth after an outage is 1 hour's worth in the hour after it.
    assert allowed(240, 241, counted_at(0, 240, "400")) == 0
    assert allowed(240, 241, counted_at(0, 240, "200")) == 50
    assert allowed(240, 300, counted_at(0, 240, "400")) == 100


def test_wrong_totals_in_between_add_nothing() -> None:
    """A zero for one answer, or an old page among new ones."""
    assert played("1000", "0", "1000", "1010") == [("0", "0"), ("0", "1000"), ("10", "0")]
    assert played("1000", "0", "0", "1025.5") == [("0", "0"), ("0", "0"), ("25.5", "1000")]
    assert played("1000", "600", "0", "1001") == [("0", "0"), ("0", "0"), ("1", "1000")]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("MiaSpins", "MiaSpins"),
        (" @MiaSpins ", "MiaSpins"),
        ("é" * 64, "é" * 64),
        ("é" * 65, None),
        ("🎰Mia", "🎰Mia"),
        ("", None),
        ("@", None),
        ("two words", None),
        ("line\nbreak", None),
        ("`code`", None),
        ("<@123>", None),
        ("\u202emia", None),
        ("a" * 500, None),
    ],
)
def test_usernames_are_cleaned_or_rejected(typed: str, name: str | None) -> None:
    assert clean_name(typed) == name


def test_relinking_requires_a_day() -> None:
    assert can_link_at(None, NOON) is None
    assert can_link_at(NOON, NOON) == NOON + RELINK_AFTER
    assert can_link_at(NOON, NOON + RELINK_AFTER - timedelta(seconds=1)) == NOON + RELINK_AFTER
    assert can_link_at(NOON, NOON + RELINK_AFTER) is None
