"""What counts as presence, and whose. Pure: no clock, no database.

The overlap of presence and stream is PostgreSQL's multirange arithmetic and stands in the store.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from core.events import Sender


@dataclass(frozen=True, slots=True)
class Presence:
    """A half-open stretch of time within one UTC day, during which a viewer is there."""

    day: date
    starts_at: datetime
    ends_at: datetime


def presence_after(at: datetime, window: timedelta) -> tuple[Presence, ...]:
    """The window that a chat message opens, cut at UTC midnight."""
    pieces: list[Presence] = []
    start, end = at.astimezone(UTC), (at + window).astimezone(UTC)
    while start < end:
        midnight = _midnight(start) + timedelta(days=1)
        pieces.append(Presence(start.date(), start, min(end, midnight)))
        start = midnight
    return tuple(pieces)


@dataclass(frozen=True, slots=True)
class Cut:
    """A period in whole UTC days, and what is left of it before and after them.

    Attributes:
        first_day: the first whole day.
        last_day: the day after the last whole one; equal to `first_day` when there is none.
        edges: half-open stretches, each within one day.
    """

    first_day: date
    last_day: date
    edges: tuple[tuple[datetime, datetime], ...]


def cut_at_midnights(starts_at: datetime, ends_at: datetime) -> Cut:
    """The period [starts_at, ends_at), which is not empty, in whole days and edges."""
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


def names_in(listed: str) -> frozenset[str]:
    """`"KickBot, @BotRix"` -> the names in the form in which they are compared."""
    names = (_fold(name) for name in listed.split(","))
    return frozenset(name for name in names if name)


def can_earn(sender: Sender, ignored: frozenset[str]) -> bool:
    """False for the broadcaster, our own bot, and whoever is marked or listed as a bot."""
    if sender.is_broadcaster or sender.is_bot:
        return False
    return "bot" not in sender.badges and _fold(sender.name) not in ignored


def _fold(name: str) -> str:
    return name.strip().removeprefix("@").casefold()
