"""When raffles start and end: monthly, in five time zones with daylight saving time."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kit.errors import Refusal
from core.kit.text.calendar import Stretch, midnight, month_around
from core.raffle.periods import rules

ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Stockholm",
        "America/New_York",
        "Australia/Lord_Howe",  # by half an hour
        "America/Havana",  # at midnight
        "Africa/Cairo",  # at midnight; in 2015 to 2022 not at all
    )
]
zones = st.sampled_from(ZONES)
instants = st.datetimes(datetime(2024, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC))
STOCKHOLM = ZONES[0]


def at(text: str) -> datetime:
    """An instant in Stockholm."""
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM).astimezone(UTC)


@given(instants, zones)
def test_months_match_the_calendar(now: datetime, zone: ZoneInfo) -> None:
    month = month_around(now, zone)
    assert month.starts_at <= now < month.ends_at
    here = now.astimezone(zone)
    for edge, inside in ((month.starts_at, 0), (month.ends_at, -1)):
        first = (edge + timedelta(seconds=inside)).astimezone(zone)
        assert (first.year, first.month) == (here.year, here.month)
        before = (edge - timedelta(seconds=1 - inside)).astimezone(zone)
        assert inside or (before.year, before.month) != (here.year, here.month)
    after = month.ends_at.astimezone(zone)
    assert after.day == 1


@given(zones, instants, st.lists(st.integers(1, 60 * 24 * 20), min_size=5, max_size=60))
def test_monthly_raffles_follow_each_other_without_gaps(
    zone: ZoneInfo, begin: datetime, pauses: list[int]
) -> None:
    """However often the task runs, it opens each month once."""
    now, opened = begin, list[Stretch]()
    for pause in pauses:
        for _twice in range(2):
            last = opened[-1].ends_at if opened else None
            due = rules.monthly_after(last, True, now, zone)
            if due is not None:
                opened.append(due)
        assert opened[-1].starts_at <= now < opened[-1].ends_at
        now += timedelta(minutes=pause)
    for before, after in pairwise(opened):
        assert before.ends_at == after.starts_at
        assert after.ends_at.astimezone(zone).day == 1
    months = [period.starts_at.astimezone(zone).strftime("%Y-%m") for period in opened]
    assert len(months) == len(set(months))


def test_a_missed_month_is_skipped() -> None:
    due = rules.monthly_after(at("2026-11-01"), True, at("2027-01-20T12:00"), STOCKHOLM)
    assert due == Stretch(at("2027-01-01"), at("2027-02-01"))


def test_no_raffle_opens_until_the_month_after_a_custom_one() -> None:
    early = at("2026-11-21")
    assert rules.monthly_after(early, False, at("2026-11-25"), STOCKHOLM) is None
    due = rules.monthly_after(early, False, at("2026-12-01"), STOCKHOLM)
    assert due == Stretch(at("2026-12-01"), at("2027-01-01"))


def test_no_monthly_raffle_opens_while_one_is_planned() -> None:
    assert rules.monthly_after(at("2027-02-01"), True, at("2027-01-02"), STOCKHOLM) is None


@pytest.mark.parametrize("hours", [1, 12, 20, 24, 26])
def test_raffle_ending_early_is_continued_on_the_first(hours: int) -> None:
    """The admin chose that end, so the next raffle begins on the 1st."""
    first = at("2026-12-01")
    early = first - timedelta(hours=hours)
    assert rules.monthly_after(early, False, early, STOCKHOLM) is None
    assert rules.monthly_after(early, False, first, STOCKHOLM) == Stretch(first, at("2027-01-01"))


# Every offset that a place has today, and places whose clocks change, some of them at midnight.
_OFFSETS = [f"Etc/GMT{hours:+d}" for hours in range(-14, 13)]
_EXTREMES = [
    "Pacific/Kiritimati",  # UTC+14
    "Pacific/Chatham",  # UTC+12:45, +13:45 in summer
    "Etc/GMT+12",
    "Pacific/Niue",  # UTC-11
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Cairo",
    "Europe/Stockholm",
    "Asia/Kathmandu",  # UTC+5:45
    "America/St_Johns",  # UTC-3:30, -2:30 in summer
]
_CHANGES = sorted({(old, new) for old in _OFFSETS for new in _OFFSETS})
_CHANGES += sorted({(old, new) for old in _EXTREMES for new in _EXTREMES})


@pytest.mark.parametrize("month", [1, 2, 3, 4, 5, 10, 11, 12])
def test_changed_time_zone_loses_no_second(month: int) -> None:
    """At the end of every month, from every time zone to every other: the next raffle is open the
    moment the last one ends, and lasts until a month begins in the new zone."""
    for old, new in _CHANGES:
        inside = datetime(2027, month, 15, tzinfo=UTC)
        end = month_around(inside, ZoneInfo(old)).ends_at
        due = rules.monthly_after(end, True, end, ZoneInfo(new))
        assert due is not None, f"no raffle is open after a change from {old} to {new}"
        assert due.starts_at == end, (old, new)
        assert rules.is_start_of_month(due.ends_at, ZoneInfo(new)), (old, new)
        lasts = due.ends_at - due.starts_at
        assert timedelta(days=26) < lasts < timedelta(days=33), (old, new)


@given(st.lists(st.tuples(st.sampled_from(_OFFSETS + _EXTREMES), st.integers(1, 40)), min_size=2))
def test_repeated_time_zone_changes_leave_no_gap(changes: list[tuple[str, int]]) -> None:
    """Checked every six hours: a raffle is always open, and none overlaps another."""
    now, opened = datetime(2026, 11, 22, 12, tzinfo=UTC), list[Stretch]()
    for name, looks in changes:
        for _look in range(4 * looks):
            last = opened[-1].ends_at if opened else None
            due = rules.monthly_after(last, True, now, ZoneInfo(name))
            if due is not None:
                opened.append(due)
            assert opened[-1].starts_at <= now < opened[-1].ends_at
            now += timedelta(hours=6)
    for before, after in pairwise(opened):
        assert before.ends_at == after.starts_at


# -- by the day -----------------------------------------------------------------------------------

NOON = at("2026-11-22T12:00")


def days(start: int | None, end: int | None, now: datetime = NOON) -> Stretch:
    return rules.between_days(now, STOCKHOLM, start, end)


def test_without_days_a_raffle_lasts_from_now_to_the_first() -> None:
    assert days(None, None) == Stretch(NOON, at("2026-12-01"))


def test_start_and_end_day_are_included() -> None:
    assert days(23, 28) == Stretch(at("2026-11-23"), at("2026-11-29"))


def test_raffles_start_at_whole_seconds() -> None:
    late = NOON + timedelta(microseconds=999_999)
    today = date(2026, 11, 22)
    for found in (
        days(None, None, late),
        days(22, None, late),
        rules.between_dates(today, today, late, STOCKHOLM),
        rules.monthly_after(None, False, late, STOCKHOLM),
    ):
        assert found is not None
        assert found.starts_at == NOON


def test_raffle_of_today_begins_now() -> None:
    assert days(22, 22) == Stretch(NOON, at("2026-11-23"))


def test_an_end_before_the_start_is_in_the_next_month() -> None:
    assert days(25, 5) == Stretch(at("2026-11-25"), at("2026-12-06"))


def test_day_31_of_a_short_month_is_its_last_day() -> None:
    assert days(None, 31) == Stretch(NOON, at("2026-12-01"))
    february = days(None, 31, at("2027-02-10"))
    assert february.ends_at == at("2027-03-01")


def test_month_after_december_is_january() -> None:
    assert days(None, 3, at("2026-12-20")).ends_at == at("2027-01-04")


@pytest.mark.parametrize(("start", "words"), [(21, "in the past"), (31, "This month has 30 days")])
def test_an_impossible_day_is_refused(start: int, words: str) -> None:
    with pytest.raises(Refusal, match=words) as raised:
        days(start, None)
    assert "/rafflesetdate" in raised.value.remedy


# -- by dates -------------------------------------------------------------------------------------


def test_start_and_end_date_are_included() -> None:
    found = rules.between_dates(date(2026, 12, 1), date(2026, 12, 24), NOON, STOCKHOLM)
    assert found == Stretch(at("2026-12-01"), at("2026-12-25"))


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-12-24", "2026-12-01", "before the start"),
        ("2026-12-24", "2028-01-01", "longer than a year"),
        ("2028-12-24", "2028-12-25", "longer than a year"),
        ("9999-12-31", "9999-12-31", "longer than a year"),
        ("2026-11-20", "2026-11-21", "2026-11-21 is in the past"),
        ("0001-01-01", "0001-01-02", "0001-01-02 is in the past"),
    ],
)
def test_impossible_dates_are_refused(first: str, last: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        rules.between_dates(date.fromisoformat(first), date.fromisoformat(last), NOON, STOCKHOLM)


@pytest.mark.parametrize("text", ["", "24.12.2026", "tomorrow", "2026-02-30", "💣" * 500])
def test_invalid_dates_are_refused(text: str) -> None:
    with pytest.raises(Refusal, match="is not a valid date") as raised:
        rules.parse_date(text)
    assert "2026-12-24" in raised.value.remedy
    assert len(raised.value.what) < 100


def test_midnight_when_clocks_change_at_midnight() -> None:
    """On 2026-03-08 Havana's clocks went from 0:00 to 1:00; on 2026-11-01 0:00 came twice."""
    havana = ZoneInfo("America/Havana")
    assert midnight(date(2026, 3, 8), havana) == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert midnight(date(2026, 11, 1), havana) == datetime(2026, 11, 1, 4, tzinfo=UTC)
