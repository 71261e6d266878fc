"""When a call is taken."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.slot_calls.rules import MOST_CHARACTERS, Reason, Situation, clean, why_not

FREE = Situation(
    enabled=True,
    has_channel=True,
    can_post=True,
    blocked=False,
    open_slots=(),
    most_open=3,
    seconds_since_last=None,
    cooldown=30,
)
"""Nothing speaks against a call."""

SLOT = "Book of Dead"

SITUATIONS = st.builds(
    Situation,
    enabled=st.booleans(),
    has_channel=st.booleans(),
    can_post=st.booleans(),
    blocked=st.booleans(),
    open_slots=st.lists(st.sampled_from([SLOT, "Razor Shark", "x"]), max_size=5).map(tuple),
    most_open=st.integers(1, 5),
    seconds_since_last=st.none() | st.floats(-100, 100),
    cooldown=st.integers(0, 60),
)


def given_that(**differs: object) -> Situation:
    return replace(FREE, **differs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("slot", "situation", "reason"),
    [
        (SLOT, FREE, None),
        (SLOT, given_that(enabled=False), "off"),
        (SLOT, given_that(has_channel=False), "no_channel"),
        (SLOT, given_that(can_post=False), "no_access"),
        (SLOT, given_that(blocked=True), "blocked"),
        ("", FREE, "nameless"),
        ("x" * MOST_CHARACTERS, FREE, None),
        ("x" * (MOST_CHARACTERS + 1), FREE, "too_long"),
        (SLOT, given_that(open_slots=(SLOT,)), "again"),
        ("BOOK OF dead", given_that(open_slots=(SLOT,)), "again"),
        ("Book of Ra", given_that(open_slots=(SLOT,)), None),
        (SLOT, given_that(open_slots=("a", "b")), None),
        (SLOT, given_that(open_slots=("a", "b", "c")), "many"),
        (SLOT, given_that(seconds_since_last=29.9), "soon"),
        (SLOT, given_that(seconds_since_last=30.0), None),
        (SLOT, given_that(seconds_since_last=0.0), "soon"),
        (SLOT, given_that(seconds_since_last=0.0, cooldown=0), None),
        # The line before this one came late: its call counts as much as one that came in order.
        (SLOT, given_that(seconds_since_last=-5.0), "soon"),
        (SLOT, given_that(seconds_since_last=-30.0), None),
    ],
)
def test_what_speaks_against_a_call(slot: str, situation: Situation, reason: Reason | None) -> None:
    assert why_not(slot, situation) == reason


@pytest.mark.parametrize(
    ("situation", "reason"),
    [
        (given_that(enabled=False, has_channel=False, blocked=True), "off"),
        (given_that(blocked=True, open_slots=(SLOT,) * 3), "blocked"),
        (given_that(open_slots=(SLOT,) * 3, seconds_since_last=1.0), "again"),
        (given_that(open_slots=("a", "b", "c"), seconds_since_last=1.0), "many"),
    ],
)
def test_the_reason_that_helps_most_is_the_one_that_is_said(
    situation: Situation, reason: Reason
) -> None:
    assert why_not(SLOT, situation) == reason


def test_a_blocked_viewer_learns_nothing_by_writing_nonsense() -> None:
    assert why_not("", given_that(blocked=True)) == "blocked"
    assert why_not("x" * 500, given_that(blocked=True)) == "blocked"


@given(SITUATIONS)
def test_a_call_that_is_taken_keeps_every_limit(situation: Situation) -> None:
    if why_not(SLOT, situation) is None:
        assert situation.enabled
        assert situation.has_channel
        assert not situation.blocked
        assert SLOT not in situation.open_slots
        assert len(situation.open_slots) < situation.most_open
        last = situation.seconds_since_last
        assert last is None or abs(last) >= situation.cooldown


@given(SITUATIONS)
def test_a_call_is_declined_for_a_reason_that_holds(situation: Situation) -> None:
    """Taking away the reason that was given takes it away from the answer."""
    mended: dict[Reason, dict[str, object]] = {
        "off": {"enabled": True},
        "no_channel": {"has_channel": True},
        "no_access": {"can_post": True},
        "blocked": {"blocked": False},
        "again": {"open_slots": ()},
        "many": {"most_open": 99},
        "soon": {"seconds_since_last": None},
    }
    reason = why_not(SLOT, situation)
    if reason is not None:
        assert why_not(SLOT, replace(situation, **mended[reason])) != reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "slot"),
    [
        ("Book of Dead", "Book of Dead"),
        ("  Book   of\tDead \n", "Book of Dead"),
        ("Book\u2028of\x00Dead", "Book of Dead"),
        ("\u3000雪の\u3000スロット", "雪の スロット"),
        ("כתר הזהב", "כתר הזהב"),
        ("👨‍👩‍👧‍👦 Family", "👨‍👩‍👧‍👦 Family"),
        ("\x07\x1b\r\n", ""),
        ("", ""),
    ],
)
def test_a_name_is_cleaned_and_otherwise_left_as_typed(typed: str, slot: str) -> None:
    assert clean(typed) == slot


@given(st.text())
def test_a_cleaned_name_is_one_line_and_cleaning_it_again_changes_nothing(text: str) -> None:
    slot = clean(text)
    assert clean(slot) == slot
    assert slot == slot.strip()
    assert "  " not in slot
    assert len(slot.splitlines()) <= 1
    assert not any(unicodedata.category(character) == "Cc" for character in slot)
