"""Instants are timezone-aware and in UTC, or refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.runtime.clock import RemoteClock, elapsed_seconds, parse_instant, utc_now


def test_utc_now_is_in_utc() -> None:
    assert utc_now().tzinfo is UTC


@given(
    at=st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)),
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_parse_instant_keeps_the_instant_for_any_offset(at: datetime, minutes: int) -> None:
    there = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_instant(there.isoformat()) == there
    assert parse_instant(there.isoformat()).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-11-21T10:00:00", "yesterday", "", "2026-13-01T00:00:00Z"])
def test_invalid_instant_is_rejected(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the two sources of it speak differently
        parse_instant(text)


def test_z_suffix_means_utc() -> None:
    assert parse_instant("2026-11-21T10:00:00Z") == datetime(2026, 11, 21, 10, tzinfo=UTC)


def remote(*answers: tuple[float, dict[str, str]], at: float = 0.0) -> datetime | None:
    """What a server's time is taken to be `at` so many seconds, after answers before."""
    elapsed = 0.0
    clock = RemoteClock(lambda: elapsed)
    for seconds, headers in answers:
        elapsed = seconds
        clock.observe(headers)
    elapsed = at
    return clock.now()


DATED = {"Date": "Fri, 01 May 2026 12:00:00 GMT"}
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_remote_time_ignores_local_clock_changes() -> None:
    assert remote() is None
    assert remote((10, DATED), at=10) == NOON
    assert remote((10, DATED), at=100) == NOON + timedelta(seconds=90)
    assert remote((10, DATED), (3610, DATED), at=3610) == NOON


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Date": ""},
        {"Date": "yesterday"},
        {"Date": "Fri, 01 May 2026 12:00:00 -0000"},
        {"Date": "Fri, 99 May 2026 12:00:00 GMT"},
        DATED | {"Age": "300"},
    ],
)
def test_responses_without_valid_date_are_ignored(headers: dict[str, str]) -> None:
    assert remote((0, headers)) is None
    assert remote((0, DATED), (0, headers)) == NOON


def test_elapsed_seconds_increase() -> None:
    first, second = elapsed_seconds(), elapsed_seconds()
    assert 0 <= second - first < 60
