"""Instants: aware, in UTC, or refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.clock import parse_instant, utc_now


def test_the_present_is_told_in_utc() -> None:
    assert utc_now().tzinfo is UTC


@given(
    at=st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)),
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_whatever_the_offset_the_instant_is_the_same(at: datetime, minutes: int) -> None:
    there = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_instant(there.isoformat()) == there
    assert parse_instant(there.isoformat()).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-11-21T10:00:00", "yesterday", "", "2026-13-01T00:00:00Z"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the two sources of it speak differently
        parse_instant(text)


def test_the_letter_z_is_utc() -> None:
    assert parse_instant("2026-11-21T10:00:00Z") == datetime(2026, 11, 21, 10, tzinfo=UTC)
