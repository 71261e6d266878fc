"""When raffles begin and end, by the calendar of the server's time zone."""

from calendar import monthrange
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.kit.errors import Refusal
from core.kit.text.calendar import Stretch, first_of_next_month, midnight, month_around
from core.kit.text.words import _

MAX_DURATION = timedelta(days=366)
"""Maximum duration of a raffle, and maximum time until its start."""

MAX_MOVED = timedelta(hours=26)
"""How far the start of a month moves when a server goes from one end of the world's time zones
(UTC-12) to the other (UTC+14)."""

HALF_MONTH = timedelta(days=14)


def whole_second(now: datetime) -> datetime:
    """Platforms report times in whole seconds: an event in the first second of a raffle would
    otherwise seem to be from before it."""
    return now.replace(microsecond=0)


def is_start_of_month(instant: datetime, zone: ZoneInfo) -> bool:
    return month_around(instant, zone).starts_at == instant


def monthly_after(
    last_end: datetime | None, with_month: bool, now: datetime, zone: ZoneInfo
) -> Stretch | None:
    """The monthly raffle that is due; None while another one is running or planned, and for the
    rest of a month in which one ended early.

    The first one starts now. Later ones start with their month, even if this runs late. After a
    raffle that ended with its month, the next one starts where that one ended, even if the server's
    time zone was changed in between.

    Args:
        last_end: when the last raffle ends.
        with_month: whether a month began then, in the server's time zone of then.
    """
    month = month_around(now, zone)
    if last_end is None:
        return Stretch(whole_second(now), month.ends_at)
    if last_end > now:
        return None
    if with_month:
        following = month_around(last_end + HALF_MONTH, zone)
        if now < following.ends_at and abs(last_end - following.starts_at) <= MAX_MOVED:
            return Stretch(last_end, following.ends_at)
    return month if last_end < month.starts_at else None


def between_days(
    now: datetime, zone: ZoneInfo, start_day: int | None, end_day: int | None
) -> Stretch:
    """From a day of this month, or from now, to the end of the next such day, or of the month."""
    today = now.astimezone(zone).date()
    days = monthrange(today.year, today.month)[1]
    if start_day is not None and start_day > days:
        raise Refusal(
            _("This month has {count} days.").format(count=days),
            _("For other months use `/rafflesetdate`."),
        )
    first = today.replace(day=start_day or today.day)
    if first < today:
        raise Refusal(
            _("{day} is in the past.").format(day=first.isoformat()),
            _("Choose today ({today}) or later. For other months use `/rafflesetdate`.").format(
                today=today.isoformat()
            ),
        )
    after = first_of_next_month(first) if end_day is None else _day_after(first, end_day)
    return Stretch(max(midnight(first, zone), whole_second(now)), midnight(after, zone))


def _day_after(first: date, end_day: int) -> date:
    """The day after the last one. The 31st of a shorter month is its last day."""
    if end_day < first.day:
        first = first_of_next_month(first)
    maximum = monthrange(first.year, first.month)[1]
    return first.replace(day=min(end_day, maximum)) + timedelta(days=1)


def between_dates(first: date, last: date, now: datetime, zone: ZoneInfo) -> Stretch:
    """From the first date to the end of the last one; from now where the first one is today."""
    if last < first:
        raise Refusal(_("The end is before the start."), _("Enter the start date first."))
    today = now.astimezone(zone).date()
    if last < today:
        raise Refusal(
            _("{day} is in the past.").format(day=last.isoformat()),
            _("Choose today or later. To end it now, use `/raffleend`."),
        )
    if last - first > MAX_DURATION or first - today > MAX_DURATION:
        raise Refusal(_("A raffle can't last longer than a year."), _("Check the years."))
    start, end = midnight(first, zone), midnight(last + timedelta(days=1), zone)
    return Stretch(max(start, whole_second(now)) if first == today else start, end)


def parse_date(text: str) -> date:
    """Such as `2026-12-24`."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Refusal(
            _("“{text}” is not a valid date.").format(text=text.strip()[:40]),
            _("Use YYYY-MM-DD, e.g. `2026-12-24`."),
        ) from None
