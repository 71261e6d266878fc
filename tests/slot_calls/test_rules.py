"""Which calls are accepted."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.games.rules import fold_title
from core.slot_calls.rules import (
    MAX_SLOT_LENGTH,
    Caller,
    Reason,
    SlotCallSettings,
    Wanted,
    cooldown_left,
    rejection,
)

SLOT, KEY = "Book of Dead", "book of dead"
NEW_CALLER = Caller(
    can_post=True, blocked=False, linked=False, open_keys=(), seconds_since_last=None
)
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
        (SLOT, caller(open_keys=(KEY,)), "duplicate"),
        ("BOOK OF dead", caller(open_keys=(KEY,)), "duplicate"),
        ("Book of Ra", caller(open_keys=(KEY,)), None),
        (SLOT, caller(open_keys=("a", "b")), None),
        (SLOT, caller(open_keys=("a", "b", "c")), "limit"),
        (SLOT, caller(seconds_since_last=0.0), "cooldown"),
        (SLOT, caller(seconds_since_last=29.9), "cooldown"),
        (SLOT, caller(seconds_since_last=30.0), None),
        # The previous message arrived late: its call counts like one that arrived in order.
        (SLOT, caller(seconds_since_last=-5.0), "cooldown"),
        (SLOT, caller(seconds_since_last=-30.0), None),
        # Of several reasons, the one that helps most.
        (SLOT, caller(blocked=True, open_keys=(KEY,) * 3), "blocked"),
        (SLOT, caller(open_keys=(KEY,) * 3, seconds_since_last=1.0), "duplicate"),
        (SLOT, caller(open_keys=("a", "b", "c"), seconds_since_last=1.0), "limit"),
    ],
)
def test_calls_are_rejected_with_their_reason(
    slot: str, caller: Caller, reason: Reason | None
) -> None:
    assert rejection(Wanted(slot, fold_title(slot)), caller, SETTINGS) == reason


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (SlotCallSettings(channel=5, enabled=False), "off"),
        (SlotCallSettings(channel=5, enabled=False, closed=True), "off"),
        (SlotCallSettings(channel=5, closed=True), "closed"),
        (SlotCallSettings(channel=0), "no_channel"),
        (SlotCallSettings(channel=5, linked_only=True), "not_linked"),
        (SlotCallSettings(channel=5, cooldown_seconds=0), None),
    ],
)
def test_settings_reject_calls_with_their_reason(
    settings: SlotCallSettings, reason: Reason | None
) -> None:
    assert rejection(Wanted(SLOT, KEY), caller(seconds_since_last=0.0), settings) == reason


LONGEST = SlotCallSettings(channel=5, max_queue=2)
KNOWN = SlotCallSettings(channel=5, known_only=True)
UNIQUE = SlotCallSettings(channel=5, unique=True)


@pytest.mark.parametrize(
    ("wanted", "settings", "reason"),
    [
        (Wanted(SLOT, KEY, banned=True), SETTINGS, "banned"),
        (Wanted(SLOT, KEY, "unknown"), SETTINGS, None),
        (Wanted("evil.com", "evil com", "uncertain"), SETTINGS, "link"),
        (Wanted("Slots.io", "slots io", "known"), SETTINGS, None),
        (Wanted(SLOT, KEY, "unknown"), KNOWN, "unknown"),
        (Wanted(SLOT, KEY, "uncertain"), KNOWN, "unknown"),
        (Wanted(SLOT, KEY, "known"), KNOWN, None),
        (Wanted(SLOT, KEY, queued={"book of dead"}), UNIQUE, "requested"),
        (Wanted(SLOT, KEY, queued={"book of ra"}), UNIQUE, None),
        (Wanted(SLOT, KEY, waiting=1), LONGEST, None),
        (Wanted(SLOT, KEY, waiting=2), LONGEST, "full"),
        (Wanted(SLOT, KEY, waiting=10_000), SETTINGS, None),
    ],
)
def test_game_and_queue_reject_calls_with_their_reason(
    wanted: Wanted, settings: SlotCallSettings, reason: Reason | None
) -> None:
    assert rejection(wanted, NEW_CALLER, settings) == reason


@given(
    caller=st.builds(
        Caller,
        can_post=st.booleans(),
        blocked=st.booleans(),
        linked=st.booleans(),
        open_keys=st.lists(st.sampled_from([KEY, "razor shark", "x"]), max_size=5),
        seconds_since_last=st.none() | st.floats(-100, 100),
    ),
    settings=st.builds(
        SlotCallSettings,
        enabled=st.booleans(),
        channel=st.sampled_from([0, 5]),
        closed=st.booleans(),
        known_only=st.booleans(),
        linked_only=st.booleans(),
        unique=st.booleans(),
        max_queue=st.integers(0, 3),
        max_open=st.integers(1, 5),
        cooldown_seconds=st.integers(0, 60),
    ),
    wanted=st.builds(
        Wanted,
        slot=st.just(SLOT),
        key=st.just(KEY),
        found=st.sampled_from(["known", "uncertain", "unknown"]),
        banned=st.booleans(),
        queued=st.sets(st.sampled_from(["book of dead", "x"])),
        waiting=st.integers(0, 5),
    ),
)
def test_reason_is_given_if_and_only_if_it_applies(
    caller: Caller, settings: SlotCallSettings, wanted: Wanted
) -> None:
    reason = rejection(wanted, caller, settings)
    last = caller.seconds_since_last
    applies = {
        "off": not settings.enabled,
        "closed": settings.closed,
        "not_linked": settings.linked_only and not caller.linked,
        "banned": wanted.banned,
        "unknown": settings.known_only and wanted.found != "known",
        "requested": settings.unique and "book of dead" in wanted.queued,
        "full": settings.max_queue > 0 and wanted.waiting >= settings.max_queue,
        "no_channel": settings.channel == 0,
        "no_access": not caller.can_post,
        "blocked": caller.blocked,
        "duplicate": KEY in caller.open_keys,
        "limit": len(caller.open_keys) >= settings.max_open,
        "cooldown": last is not None and abs(last) < settings.cooldown_seconds,
    }
    assert applies[reason] if reason else not any(applies.values())
    assert 0 <= cooldown_left(caller, settings) <= settings.cooldown_seconds
