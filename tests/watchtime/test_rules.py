"""Presence windows, and who earns nothing."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from core.events import Sender
from core.kit.text.calendar import Stretch
from core.watchtime.rules import Period, Presence, can_earn, presence_after, stretch_of

TEN = timedelta(minutes=10)


def test_window_within_a_day_is_one_piece() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert presence_after(noon, TEN) == (Presence(date(2026, 3, 1), noon, noon + TEN),)


def test_window_across_midnight_is_split() -> None:
    late = datetime(2026, 2, 28, 23, 55, tzinfo=UTC)
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    assert presence_after(late, TEN) == (
        Presence(date(2026, 2, 28), late, midnight),
        Presence(date(2026, 3, 1), midnight, midnight + timedelta(minutes=5)),
    )


def test_window_ending_at_midnight_is_one_piece() -> None:
    late = datetime(2026, 2, 28, 23, 50, tzinfo=UTC)
    assert len(presence_after(late, TEN)) == 1


def test_day_is_in_utc() -> None:
    here = datetime(2026, 3, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert [piece.day for piece in presence_after(here, TEN)] == [date(2026, 2, 28)]


@pytest.mark.parametrize(
    ("sender", "earns"),
    [
        (Sender(user_id=5, name="madcats"), True),
        (Sender(user_id=5, name="madcats", badges=("moderator", "vip")), True),
        (Sender(user_id=5, name="Nora", is_broadcaster=True), False),
        (Sender(user_id=5, name="Regulars", is_bot=True), False),
        (Sender(user_id=5, name="helper", badges=("bot",)), False),
    ],
)
def test_bots_and_broadcaster_cannot_earn(sender: Sender, earns: bool) -> None:
    assert can_earn(sender) is earns


STOCKHOLM = ZoneInfo("Europe/Stockholm")


@pytest.mark.parametrize(
    ("period", "now", "start", "end"),
    [
        # A Sunday evening in UTC is Monday in Stockholm already.
        ("week", "2026-03-29T21:59Z", "2026-03-22T23:00Z", "2026-03-29T22:00Z"),
        ("week", "2026-03-29T22:00Z", "2026-03-29T22:00Z", "2026-04-05T22:00Z"),
        ("month", "2026-03-31T21:59Z", "2026-02-28T23:00Z", "2026-03-31T22:00Z"),
        ("month", "2026-03-31T22:00Z", "2026-03-31T22:00Z", "2026-04-30T22:00Z"),
        ("month", "2026-12-31T12:00Z", "2026-11-30T23:00Z", "2026-12-31T23:00Z"),
    ],
)
def test_weeks_begin_on_monday_and_months_on_the_first(
    period: Period, now: str, start: str, end: str
) -> None:
    instants = (datetime.fromisoformat(one) for one in (start, end))
    assert stretch_of(period, datetime.fromisoformat(now), STOCKHOLM) == Stretch(*instants)


def test_all_time_is_unbounded() -> None:
    assert stretch_of("all", datetime(2026, 3, 1, tzinfo=UTC), STOCKHOLM) is None
