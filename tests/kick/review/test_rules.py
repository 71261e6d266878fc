"""Pairing, compared with all possible pairings."""

from datetime import datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kick.review import rules
from tests.kick.review.scene import at

WINDOW = timedelta(seconds=2)
few_instants = st.lists(st.integers(0, 12).map(at), max_size=5).map(sorted)


def most_pairs(facts: list[datetime], unconfirmed: list[datetime]) -> int:
    """Slow and obvious: try every order of the facts."""
    short, long = sorted((facts, unconfirmed), key=len)
    return max(
        sum(abs(one - other) <= WINDOW for one, other in zip(short, order, strict=False))
        for order in permutations(long, len(short))
    )


@given(few_instants, few_instants)
def test_pairing_is_maximal(facts: list[datetime], unconfirmed: list[datetime]) -> None:
    pairs = rules.pair(facts, unconfirmed, WINDOW)
    assert len(pairs) == most_pairs(facts, unconfirmed)
    assert len(set(pairs.values())) == len(pairs)
    assert all(abs(facts[fact] - unconfirmed[seen]) <= WINDOW for seen, fact in pairs.items())


@given(few_instants, st.integers(0, 12).map(at))
def test_neighborhood_is_independent_of_outside_events(
    instants: list[datetime], around: datetime
) -> None:
    first, last = rules.neighbourhood(instants, around, WINDOW)
    assert first <= around <= last
    outside = [each for each in instants if not first <= each <= last]
    inside = [each for each in instants if first <= each <= last] + [around]
    assert all(abs(one - other) > WINDOW for one in outside for other in inside)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Some_One", "some-one"), ("MIA", "mia"), ("Straße", "STRASSE"), (None, "")],
)
def test_name_key_matches_all_spellings_of_an_account(one: str | None, other: str) -> None:
    assert rules.name_key(one) == rules.name_key(other)


def test_anonymous_givers_match_on_both_sides() -> None:
    assert rules.gift_subject(None, "Mia") == rules.gift_subject("Anonymous", "mia")
    assert rules.gift_subject("Tom", "Mia") != rules.gift_subject(None, "Mia")
