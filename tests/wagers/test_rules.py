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
    change,
    clean_name,
    free_again_at,
)
from tests.kick.rig import NOON

amounts = st.decimals(min_value=0, max_value=10**14, allow_nan=False, places=18)


@dataclass
class Model:
    """Totals one after the other, in whole units of the eighteenth decimal."""

    totals: list[int]
    counted: int = 0
    held: int = 0
    heights: list[int] = field(default_factory=list)

    def play(self) -> "Model":
        for before, after in zip(self.totals, self.totals[1:], strict=False):
            if after < before:
                self.heights.append(before)
            elif after > before:
                top = max(self.heights, default=after + 1)
                self.heights = []
                over = after - top if after >= top else after - before
                self.counted += over
                self.held += after - before - over
        return self


def units(amount: Decimal) -> int:
    return int(Fraction(amount) * 10**18)


@given(st.lists(amounts, min_size=1, max_size=12))
def test_any_totals_count_as_the_model_says(totals: list[Decimal]) -> None:
    at, counted, held = Baseline(totals[0]), 0, 0
    for total in totals[1:]:
        found = change(at, total)
        assert (found is None) == (total == at.total)
        if found is not None:
            counted, held = counted + units(found.amount), held + units(found.held)
            assert min(found.amount, found.held) >= 0
            at = found.after
    model = Model([units(total) for total in totals]).play()
    assert (counted, held) == (model.counted, model.held)


@given(st.lists(amounts, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_gaps_change_no_sum_while_totals_rise(totals: list[Decimal], random: object) -> None:
    """However many answers are missed, in the end the same has counted."""
    rising = sorted(totals)
    some = [rising[0], *(t for t in rising[1:-1] if hash((t, str(random))) % 2), rising[-1]]
    assert counted_of(rising) == counted_of(some) == units(rising[-1]) - units(rising[0])


def counted_of(totals: list[Decimal]) -> int:
    at, counted = Baseline(totals[0]), 0
    for total in totals[1:]:
        found = change(at, total)
        if found is not None:
            counted, at = counted + units(found.amount), found.after
    return counted


def played(*totals: str) -> list[tuple[str, str]]:
    """(counted, held) of each answer after the first."""
    at, told = Baseline(Decimal(totals[0])), []
    for total in totals[1:]:
        found = change(at, Decimal(total))
        told.append((str(found.amount), str(found.held)) if found else ("0", "0"))
        at = found.after if found else at
    return told


def test_many_small_wagers_add_up() -> None:
    assert played("100", "100.01", "100.03") == [("0.01", "0"), ("0.02", "0")]


def test_a_fall_is_a_new_start_and_no_hole_to_fill() -> None:
    assert played("1000", "1500", "200", "260", "2000") == [
        ("500", "0"),
        ("0", "0"),
        ("60", "0"),
        ("1740", "0"),
    ]


def test_nonsense_in_between_mints_nothing() -> None:
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
def test_what_can_be_a_username(typed: str, name: str | None) -> None:
    assert clean_name(typed) == name


def test_a_day_passes_before_linking_anew() -> None:
    assert free_again_at(None, NOON) is None
    assert free_again_at(NOON, NOON) == NOON + RELINK_AFTER
    assert free_again_at(NOON, NOON + RELINK_AFTER - timedelta(seconds=1)) == NOON + RELINK_AFTER
    assert free_again_at(NOON, NOON + RELINK_AFTER) is None
