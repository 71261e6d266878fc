"""What counts, by a slow and obvious model too."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wagers.rules import (
    RELINK_AFTER,
    Baseline,
    can_link_at,
    change,
    clean_name,
    largest_rise,
)
from tests.kick.rig import NOON

NO_LIMIT = Decimal(10**15)

amounts = st.decimals(min_value=0, max_value=10**14, allow_nan=False, places=18)


@dataclass
class Model:
    """Totals one after the other, in whole units of the eighteenth decimal."""

    totals: list[int]
    counted: int = 0
    held: int = 0
    largest: int = 10**60
    heights: list[int] = field(default_factory=list)
    bottom: int = 0

    def play(self) -> "Model":
        for before, after in zip(self.totals, self.totals[1:], strict=False):
            if after < before:
                self.heights.append(before)
                self.bottom = after
            else:
                self.rise(before, after)
                self.heights = [height for height in self.heights if height > after]
        return self

    def rise(self, before: int, after: int) -> None:
        top = max(self.heights, default=before)
        refilled = max(min(after, top) - before, 0)
        if after - before > self.largest:
            held = after - before
        elif refilled and refilled * 10 >= top - self.bottom:
            held = refilled
        else:
            held = 0
        self.held += held
        self.counted += after - before - held


def units(amount: Decimal) -> int:
    return int(Fraction(amount) * 10**18)


@given(st.lists(amounts, min_size=1, max_size=12), amounts)
def test_any_totals_match_the_model(totals: list[Decimal], largest: Decimal) -> None:
    at, counted, held = Baseline(totals[0]), 0, 0
    for total in totals[1:]:
        found = change(at, total, largest)
        assert (found is None) == (total == at.total)
        if found is not None:
            counted, held = counted + units(found.amount), held + units(found.held)
            assert min(found.amount, found.held) >= 0
            at = found.after
    model = Model([units(total) for total in totals], largest=units(largest)).play()
    assert (counted, held) == (model.counted, model.held)


@given(st.lists(amounts, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_missed_responses_do_not_change_the_sum_of_rising_totals(
    totals: list[Decimal], random: object
) -> None:
    """However many answers are missed, in the end the same has counted."""
    rising = sorted(totals)
    some = [rising[0], *(t for t in rising[1:-1] if hash((t, str(random))) % 2), rising[-1]]
    assert counted_of(rising) == counted_of(some) == units(rising[-1]) - units(rising[0])


def counted_of(totals: list[Decimal]) -> int:
    at, counted = Baseline(totals[0]), 0
    for total in totals[1:]:
        found = change(at, total, NO_LIMIT)
        if found is not None:
            counted, at = counted + units(found.amount), found.after
    return counted


def played(*totals: str) -> list[tuple[str, str]]:
    """(counted, held) of each answer after the first."""
    at, told = Baseline(Decimal(totals[0])), []
    for total in totals[1:]:
        found = change(at, Decimal(total), NO_LIMIT)
        told.append((str(found.amount), str(found.held)) if found else ("0", "0"))
        at = found.after if found else at
    return told


def test_small_wagers_add_up() -> None:
    assert played("100", "100.01", "100.03") == [("0.01", "0"), ("0.02", "0")]


def test_drop_starts_a_new_baseline() -> None:
    climb = [str(total) for total in range(200, 1800, 100)]
    assert played("1500", *climb) == [("0", "0"), *[("100", "0")] * 15]


def test_old_wagers_are_not_counted_again_after_a_small_rise() -> None:
    assert played("5440", "140", "150", "5450") == [("0", "0"), ("10", "0"), ("10", "5290")]
    assert played("5440", "140", "150", "5000", "5450") == [
        ("0", "0"),
        ("10", "0"),
        ("0", "4850"),
        ("450", "0"),  # less than a tenth of the fall, so it may well be play
    ]
    assert played("1000", "1500", "200", "260", "2000")[1:] == [
        ("0", "0"),
        ("60", "0"),
        ("500", "1240"),
    ]


@given(
    before=st.integers(1, 10**9),
    fell_to=st.integers(0, 10**9),
    small=st.lists(st.integers(0, 10**8), max_size=5),
    more=st.integers(0, 10**9),
)
def test_rebound_never_counts_wagers_twice(
    before: int, fell_to: int, small: list[int], more: int
) -> None:
    """A true total, a wrong one with small rises, and back: the rises count, and what is new."""
    fell_to = min(fell_to, before - 1)
    step = (before - fell_to - 1) // 10 // 6  # so that they stay small, and below the height
    small = [min(rise, step) for rise in small]
    totals, low = [before, fell_to], fell_to
    for rise in small:
        low += rise
        totals.append(low)
    if 10 * (before - low) < before - fell_to:
        return
    counted = counted_of([Decimal(total) for total in (*totals, before + more)])
    assert counted == units(Decimal(sum(small) + more))


def test_rise_above_the_limit_is_held_completely() -> None:
    above = change(Baseline(Decimal(100)), Decimal("125100.01"), Decimal(125000))
    assert above
    assert [above.amount, above.held] == [Decimal(0), Decimal("125000.01")]
    within = change(Baseline(Decimal(100)), Decimal(125100), Decimal(125000))
    assert within
    assert [within.amount, within.held] == [Decimal(125000), Decimal(0)]


def test_longer_gap_allows_a_larger_rise() -> None:
    assert largest_rise(100, 0) == largest_rise(100, 3600) == 100
    assert largest_rise(100, 3601) == 200
    assert largest_rise(100, 48 * 3600) == 4800


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
