"""The arithmetic of a hunt, and whose guess is best."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bonus_hunt.rules import (
    Guessed,
    Line,
    best_guess,
    digits_of,
    figures,
)
from core.kit.text.amounts import currency_code

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

SIXTY = """
    2 49.21; 0.60 9.88; 4 168.30; 0.20 0.99; 0.60 4.90; 0.20 1.46; 0.60 -; 0.60 15.43; 0.60
    48.96; 0.20 23.23; 0.40 5.85; 0.20 15.49; 2 12.60; 2 5.28; 0.60 138.00; 1 212.50; 0.40
    24.00; 4 108.00; 0.40 7.62; 0.40 0.00; 0.40 0.98; 1.20 300.00; 1.20 327.00; 0.60 15.30; 4
    15.00; 1.20 0.00; 2 92.40; 0.40 5.28; 1.20 51.12; 1.20 0.00; 4 0.00; 0.40 0.00; 1 2.49;
    0.80 126.56; 4 26.70; 0.20 8.42; 1 0.00; 2 84.98; 0.40 5.40; 2 44.50; 2 -; 2 9.38; 0.60
    9.99; 4 60.96; 0.80 10.08; 0.40 0.94; 1 1.86; 4 730.00; 1 77.40; 1 27.72; 1.20 79.92; 2
    0.00; 0.60 55.97; 0.80 6.55; 1.20 186.48; 0.60 69.70; 0.20 9.04; 1.20 8.82; 4 177.60; 0.20
    0.00"""
"""Bet and payout of each bonus; `-` is one that was skipped."""


def sixty() -> list[tuple[str, str]]:
    """(bet, payout) of the hunt above."""
    found = [tuple(pair.split()) for pair in SIXTY.split(";")]
    assert len(found) == 60
    return [(bet, payout) for bet, payout in found]


def shown(number: Decimal | None) -> str:
    assert number is not None
    return f"{number:.8f}"


def hunt_of_sixty(opened: int) -> list[Line]:
    """The first `opened` bonuses are opened or skipped."""
    return [
        Line(
            position=n,
            bet=Decimal(bet),
            payout=None if n > opened or payout == "-" else Decimal(payout),
            skipped=n <= opened and payout == "-",
        )
        for n, (bet, payout) in enumerate(sixty(), start=1)
    ]


def test_a_hunt_of_sixty_bonuses_has_the_figures_that_bc_has_computed() -> None:
    cost = Decimal(2500)
    begun = figures(cost, hunt_of_sixty(0))
    assert (begun.total, begun.opened, begun.left) == (60, 0, 60)
    assert shown(begun.break_even) == "31.64556962"  # 2500 / 79.00
    assert (begun.average, begun.best, begun.worst) == (None, None, None)

    half = figures(cost, hunt_of_sixty(30))
    assert (half.opened, half.skipped, half.left) == (29, 1, 30)
    assert (half.returned, half.profit) == (Decimal("1658.78"), Decimal("-841.22"))
    assert shown(half.break_even) == "18.86143498"  # 841.22 / 44.60
    assert shown(half.average) == "49.07633136"  # 1658.78 / 33.80
    assert half.next is not None
    assert half.next.position == 31

    done = figures(cost, hunt_of_sixty(60))
    assert (done.opened, done.skipped, done.left, done.next) == (58, 2, 0, None)
    assert (done.returned, done.profit) == (Decimal("3480.24"), Decimal("980.24"))
    assert shown(done.average) == "45.55287958"  # 3480.24 / 76.40
    assert done.break_even is None
    assert done.best is not None
    assert (done.best.position, shown(done.best.multiplier)) == (23, "272.50000000")
    assert done.worst is not None
    assert (done.worst.position, shown(done.worst.multiplier)) == (20, "0.00000000")


def test_profit_needs_nothing_more_and_no_bonus_left_has_no_break_even() -> None:
    one, two = Line(1, Decimal(1), Decimal(500)), Line(2, Decimal(2))
    assert figures(Decimal(100), [one, two]).break_even == 0
    assert figures(Decimal(100), [one]).break_even is None
    assert figures(Decimal(100), []).break_even is None


AMOUNTS = st.decimals(0, 10**12, places=8)
BETS = st.decimals("0.00000001", 10**6, places=8)
LINES = st.lists(st.tuples(BETS, st.none() | AMOUNTS, st.booleans()), max_size=60)


@given(AMOUNTS, LINES)
def test_figures_are_those_of_a_slow_model(
    cost: Decimal, drawn: list[tuple[Decimal, Decimal | None, bool]]
) -> None:
    lines = [
        Line(n, bet, payout, skipped and payout is None)
        for n, (bet, payout, skipped) in enumerate(drawn, start=1)
    ]
    found = figures(cost, lines)
    returned, left, played = Fraction(0), Fraction(0), Fraction(0)
    best: tuple[Fraction, int] | None = None
    worst: tuple[Fraction, int] | None = None
    for line in lines:
        if line.payout is None:
            left += 0 if line.skipped else Fraction(line.bet)
            continue
        returned += Fraction(line.payout)
        played += Fraction(line.bet)
        ratio = Fraction(line.payout) / Fraction(line.bet)
        if best is None or ratio > best[0]:
            best = ratio, line.position
        if worst is None or ratio < worst[0]:
            worst = ratio, line.position
    assert found.returned == returned
    assert found.profit == returned - Fraction(cost)
    assert found.opened + found.skipped + found.left == found.total == len(lines)
    near = Fraction(1, 10**20)
    if left:
        needed = max(Fraction(0), Fraction(cost) - returned) / left
        assert found.break_even is not None
        assert abs(Fraction(found.break_even) - needed) <= near * max(Fraction(1), needed)
    else:
        assert found.break_even is None
    if played:
        assert found.average is not None
        ratio = returned / played
        assert abs(Fraction(found.average) - ratio) <= near * max(Fraction(1), ratio)
    else:
        assert found.average is None
    assert (found.best.position if found.best else None) == (best[1] if best else None)
    assert (found.worst.position if found.worst else None) == (worst[1] if worst else None)


# -- guessing -------------------------------------------------------------------------------------


def guess(viewer_id: int, amount: str, seconds: int = 0) -> Guessed:
    return Guessed(viewer_id, Decimal(amount), NOON + timedelta(seconds=seconds))


def test_the_nearest_guess_wins_and_of_equal_ones_the_earliest() -> None:
    balance = Decimal("1000.50")
    assert best_guess([], balance) is None
    far, low, high = guess(1, "900"), guess(2, "1000", 9), guess(3, "1001", 5)
    assert best_guess([far, low, high], balance) == high
    assert best_guess([far, low, high._replace(at=NOON + timedelta(seconds=10))], balance) == low
    assert best_guess([low, guess(4, "1000", 9)], balance) == low


@given(
    st.lists(st.tuples(AMOUNTS, st.integers(0, 5)), min_size=1, max_size=40), AMOUNTS, st.randoms()
)
def test_the_winner_does_not_depend_on_the_order(
    drawn: list[tuple[Decimal, int]], balance: Decimal, random: Random
) -> None:
    guesses = [
        Guessed(n, amount, NOON + timedelta(seconds=late))
        for n, (amount, late) in enumerate(drawn, start=1)
    ]
    shuffled = list(guesses)
    random.shuffle(shuffled)
    won = best_guess(shuffled, balance)
    assert won is not None
    for other in guesses:
        nearer = abs(other.amount - balance) - abs(won.amount - balance)
        assert nearer > 0 or (
            nearer == 0 and (won.at, won.viewer_id) <= (other.at, other.viewer_id)
        )


# -- currencies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("eur", "EUR"),
        (" usdt ", "USDT"),
        ("€", "EUR"),
        ("$", "USD"),
        ("R$", "BRL"),
        ("kr", None),
        ("EURO1", None),
    ],
)
def test_a_currency_is_a_code_of_letters(typed: str, code: str | None) -> None:
    assert currency_code(typed) == code


@pytest.mark.parametrize(
    ("code", "digits"), [("EUR", 2), ("JPY", 0), ("BTC", 8), ("KWD", 3), ("XYZ", 2)]
)
def test_every_currency_has_its_own_digits(code: str, digits: int) -> None:
    assert digits_of(code) == digits


def test_the_example_of_the_guide_is_right() -> None:
    lines = [
        Line(1, Decimal(1), Decimal(30)),
        Line(2, Decimal("0.40"), Decimal(2)),
        Line(3, Decimal(1), skipped=True),
        Line(4, Decimal(2)),
        Line(5, Decimal("0.60")),
    ]
    found = figures(Decimal(100), lines)
    assert (found.returned, found.profit) == (Decimal(32), Decimal(-68))
    assert (f"{found.break_even:.2f}", f"{found.average:.2f}") == ("26.15", "22.86")
