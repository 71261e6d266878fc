"""Which calls are accepted."""

import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.slot_calls.rules import (
    MAX_SLOT_LENGTH,
    Caller,
    Reason,
    SlotCallSettings,
    clean,
    cooldown_left,
    rejection,
)

SLOT = "Book of Dead"
NEW_CALLER = Caller(can_post=True, blocked=False, open_slots=(), seconds_since_last=None)
SETTINGS = SlotCallSettings(channel=5)


def caller(**changes: Any) -> Caller:
    return replace(NEW_CALLER, **changes)


@pytest.mark.parametrize(
    ("slot", "caller", "reason"),
    [
        (SLOT, NEW_CALLER, None),
        ("", NEW_CALLER, "no_name"),
        ("x" * MAX_SLOT_LENGTH, NEW_CALLER, None),
        ("x" * (MAX_SLOT_LENGTH + 1), NEW_CALLER, "too_long"),
        (SLOT, caller(can_post=False), "no_access"),
        (SLOT, caller(blocked=True), "blocked"),
        ("", caller(blocked=True), "blocked"),
        (SLOT, caller(open_slots=(SLOT,)), "duplicate"),
        ("BOOK OF dead", caller(open_slots=(SLOT,)), "duplicate"),
        ("Book of Ra", caller(open_slots=(SLOT,)), None),
        (SLOT, caller(open_slots=("a", "b")), None),
        (SLOT, caller(open_slots=("a", "b", "c")), "limit"),
        (SLOT, caller(seconds_since_last=0.0), "cooldown"),
        (SLOT, caller(seconds_since_last=29.9), "cooldown"),
        (SLOT, caller(seconds_since_last=30.0), None),
        # The previous message arrived late: its call counts like one that arrived in order.
        (SLOT, caller(seconds_since_last=-5.0), "cooldown"),
        (SLOT, caller(seconds_since_last=-30.0), None),
        # Of several reasons, the one that helps most.
        (SLOT, caller(blocked=True, open_slots=(SLOT,) * 3), "blocked"),
        (SLOT, caller(open_slots=(SLOT,) * 3, seconds_since_last=1.0), "duplicate"),
        (SLOT, caller(open_slots=("a", "b", "c"), seconds_since_last=1.0), "limit"),
    ],
)
def test_calls_are_rejected_with_their_reason(
    slot: str, caller: Caller, reason: Reason | None
) -> None:
    assert rejection(slot, caller, SETTINGS) == reason


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (SlotCallSettings(channel=5, enabled=False), "off"),
        (SlotCallSettings(channel=0), "no_channel"),
        (SlotCallSettings(channel=5, cooldown_seconds=0), None),
    ],
)
def test_settings_reject_calls_with_their_reason(
    settings: SlotCallSettings, reason: Reason | None
) -> None:
    assert rejection(SLOT, caller(seconds_since_last=0.0), settings) == reason


@given(
    caller=st.builds(
        Caller,
        can_post=st.booleans(),
        blocked=st.booleans(),
        open_slots=st.lists(st.sampled_from([SLOT, "Razor Shark", "x"]), max_size=5),
        seconds_since_last=st.none() | st.floats(-100, 100),
    ),
    settings=st.builds(
        SlotCallSettings,
        enabled=st.booleans(),
        channel=st.sampled_from([0, 5]),
        max_open=st.integers(1, 5),
        cooldown_seconds=st.integers(0, 60),
    ),
)
def test_reason_is_given_if_and_only_if_it_applies(
    caller: Caller, settings: SlotCallSettings
) -> None:
    reason = rejection(SLOT, caller, settings)
    last = caller.seconds_since_last
    applies = {
        "off": not settings.enabled,
        "no_channel": settings.channel == 0,
        "no_access": not caller.can_post,
        "blocked": caller.blocked,
        "duplicate": SLOT in caller.open_slots,
        "limit": len(caller.open_slots) >= settings.max_open,
        "cooldown": last is not None and abs(last) < settings.cooldown_seconds,
    }
    assert applies[reason] if reason else not any(applies.values())
    assert 0 <= cooldown_left(caller, settings) <= settings.cooldown_seconds


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
def test_clean_normalizes_slot_names(typed: str, slot: str) -> None:
    assert clean(typed) == slot


@given(st.text())
def test_clean_gives_one_line_and_is_idempotent(text: str) -> None:
    slot = clean(text)
    assert clean(slot) == slot == slot.strip()
    assert "  " not in slot
    assert len(slot.splitlines()) <= 1
    assert not any(unicodedata.category(character) == "Cc" for character in slot)
