"""Who is present and when; days, weeks and months. Pure: no clock, no database.

The overlap of presence and stream is multirange arithmetic in PostgreSQL, see `store.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from core.events import Sender
from core.kit.guild_settings import GuildSettings, number, switch
from core.kit.text.calendar import Stretch, day_around, midnight, month_around, week_around


class WatchtimeSettings(GuildSettings, feature="watchtime"):
    """Settings of a server."""

    enabled: bool = switch(
        "Chatting earns watchtime.",
        default=True,
        label="Count watchtime",
    )
    window_minutes: int = number(
        "Minutes that a viewer counts as watching after each chat message.",
        default=10,
        minimum=1,
        maximum=60,
        label="Window",
        unit="min",
    )
    daily_limit_minutes: int = number(
        "Maximum minutes per viewer and calendar day, in the server's time zone; 0: no limit. A "
        "change applies from then on; nothing is taken away.",
        default=0,
        minimum=0,
        maximum=1440,
        label="Daily limit",
        unit="min",
    )
    public_leaderboard: bool = switch(
        "Show the leaderboard on a public web page.",
        default=True,
        label="Public leaderboard page",
    )


class Presence(NamedTuple):
    """A half-open time range within one UTC day in which a viewer is present."""

    day: date
    starts_at: datetime
    ends_at: datetime


def presence_after(at: datetime, window: timedelta) -> tuple[Presence, ...]:
    """The time that a chat message counts, cut at UTC midnight."""
    pieces: list[Presence] = []
    start, end = at.astimezone(UTC), (at + window).astimezone(UTC)
    while start < end:
        midnight = _midnight(start) + timedelta(days=1)
        pieces.append(Presence(start.date(), start, min(end, midnight)))
        start = midnight
    return tuple(pieces)


@dataclass(frozen=True, slots=True)
class Cut:
    """A period as whole UTC days, and the rest before and after them.

    Attributes:
        first_day: the first whole day.
        last_day: the day after the last whole one; equal to `first_day` when there is none.
        edges: half-open time ranges, each within one day.
    """

    first_day: date
    last_day: date
    edges: tuple[tuple[datetime, datetime], ...]


def cut_at_midnights(starts_at: datetime, ends_at: datetime) -> Cut:
    """The non-empty period [starts_at, ends_at) in whole days and edges."""
    start, end = starts_at.astimezone(UTC), ends_at.astimezone(UTC)
    first, last = _midnight(start), _midnight(end)
    if first < start:
        first += timedelta(days=1)
    if first > last:
        return Cut(last.date(), last.date(), ((start, end),))
    edges = ((start, first), (last, end))
    return Cut(first.date(), last.date(), tuple(edge for edge in edges if edge[0] < edge[1]))


def _midnight(instant: datetime) -> datetime:
    return datetime.combine(instant.date(), time.min, UTC)


def utc_day(day: date) -> tuple[datetime, datetime]:
    """Its start, and the start of the next day."""
    midnight = datetime.combine(day, time.min, UTC)
    return midnight, midnight + timedelta(days=1)


def can_earn(sender: Sender) -> bool:
    """False for the broadcaster, our own bot, and senders that the platform marks as bots."""
    return not (sender.is_broadcaster or sender.is_bot or "bot" in sender.badges)


# -- calendar -------------------------------------------------------------------------------------

Period = Literal["all", "month", "week", "day"]


def stretch_of(period: Period, now: datetime, zone: tzinfo) -> Stretch | None:
    """The month, week or day that contains `now`; None for all time."""
    around = {"month": month_around, "week": week_around, "day": day_around}
    return None if period == "all" else around[period](now, zone)


MAX_MONTHS = 24


def months_before(now: datetime, first: date, zone: tzinfo) -> Iterator[Stretch]:
    """The months since a day, newest first, without the current one."""
    month = month_around(now, zone)
    for _number in range(MAX_MONTHS):
        month = month_around(month.starts_at - timedelta(hours=1), zone)
        if month.ends_at <= midnight(first, zone):
            return
        yield month


class Limit(NamedTuple):
    """How much of each calendar day counts, until the next limit applies.

    Attributes:
        applies_from: a day that began before starts over here.
        maximum: only the first minutes of a day count, up to this; None for all.
        time_zone: time zone whose midnights separate the days.
    """

    applies_from: datetime
    maximum: timedelta | None
    time_zone: str

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, slots=True)
class LimitedDay:
    """A calendar day, or the part of it during which a limit applied."""

    starts_at: datetime
    ends_at: datetime
    maximum: timedelta


def limited_days(
    limits: Sequence[Limit], starts_at: datetime, ends_at: datetime
) -> list[LimitedDay]:
    """The whole limited days that [starts_at, ends_at) touches; `limits` in order of time."""
    found: list[LimitedDay] = []
    for index, limit in enumerate(limits):
        until = limits[index + 1].applies_from if index + 1 < len(limits) else None
        begin = max(limit.applies_from, starts_at)
        end = ends_at if until is None else min(until, ends_at)
        if limit.maximum is not None and begin < end:
            found += _days(limit, limit.maximum, begin, end, until)
    return found


def _days(
    limit: Limit, maximum: timedelta, begin: datetime, end: datetime, until: datetime | None
) -> Iterator[LimitedDay]:
    day = begin.astimezone(limit.zone).date()
    while (starts_at := midnight(day, limit.zone)) < end:
        day += timedelta(days=1)
        ends_at = midnight(day, limit.zone)
        yield LimitedDay(
            max(starts_at, limit.applies_from),
            ends_at if until is None else min(ends_at, until),
            maximum,
        )
