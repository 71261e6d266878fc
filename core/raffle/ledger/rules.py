"""What watching is worth. Pure, and exact to the microsecond."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1) // MICROSECOND

Earned = tuple[timedelta, int]
"""A time watched, and the tickets for an hour of it."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many tickets an hour is worth from an instant on, until the next rate holds."""

    holds_from: datetime
    tickets: int


def parts(
    rates: Sequence[Rate], starts_at: datetime, ends_at: datetime
) -> list[tuple[datetime, datetime, int]]:
    """A period cut where the rate changed: start, end, tickets an hour. The first rate holds from
    the start, whenever it was written down."""
    cuts = [starts_at, *(rate.holds_from for rate in rates[1:]), ends_at]
    return [
        (start, min(end, ends_at), rate.tickets)
        for rate, start, end in zip(rates, cuts, cuts[1:], strict=False)
        if start < min(end, ends_at)
    ]


def tickets_for(earned: Iterable[Earned]) -> int:
    """Whole tickets for what was watched; the remainder is not lost, because it is added up anew
    every time."""
    return max(0, _worth(earned)) // HOUR


def until_next(earned: Sequence[Earned], per_hour: int) -> timedelta | None:
    """How much more watching makes the next ticket, rounded up; None where watching earns none."""
    if per_hour == 0:
        return None
    missing = HOUR - max(0, _worth(earned)) % HOUR
    return -(-missing // per_hour) * MICROSECOND


def _worth(earned: Iterable[Earned]) -> int:
    return sum((time // MICROSECOND) * per_hour for time, per_hour in earned)


def change(due: int, posted: int, balance: int) -> int:
    """What is to be posted so that the ledger says what is due; it never takes more than is there:
    the rest waits until there is something to take."""
    return max(due - posted, -balance) if due < posted else due - posted
