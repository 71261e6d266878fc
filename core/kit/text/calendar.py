"""Calendar days, weeks and months in a time zone.

Days begin at midnight. If clocks skip midnight, they begin at the first instant after it; if
midnight occurs twice, at the first.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple


class Stretch(NamedTuple):
    """A half-open interval: `ends_at` is the first instant after it."""

    starts_at: datetime
    ends_at: datetime


def midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def day_around(now: datetime, zone: tzinfo) -> Stretch:
    """The day that contains an instant."""
    today = now.astimezone(zone).date()
    return Stretch(midnight(today, zone), midnight(today + timedelta(days=1), zone))


def week_around(now: datetime, zone: tzinfo) -> Stretch:
    """The week that contains an instant, from Monday to Monday."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=today.weekday())
    return Stretch(midnight(first, zone), midnight(first + timedelta(days=7), zone))


def month_around(now: datetime, zone: tzinfo) -> Stretch:
    """The month that contains an instant, from the 1st to the 1st."""
    first = now.astimezone(zone).date().replace(day=1)
    return Stretch(midnight(first, zone), midnight(first_of_next_month(first), zone))


def first_of_next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
