"""What watching and wagers are worth. Pure, and exact."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from core.kit.words import _

MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1) // MICROSECOND

Amount = int | Fraction
"""Microseconds watched, or dollars wagered."""

Earned = tuple[Amount, int]
"""An amount, and the tickets for a unit of it."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many tickets a unit is worth from an instant on, until the next rate holds."""

    holds_from: datetime
    tickets: int


def parts(
    rates: Sequence[Rate], starts_at: datetime, ends_at: datetime
) -> list[tuple[datetime, datetime, int]]:
    """A period cut where the rate changed: start, end, tickets a unit. The first rate holds from
    the start, whenever it was written down."""
    cuts = [starts_at, *(rate.holds_from for rate in rates[1:]), ends_at]
    return [
        (start, min(end, ends_at), rate.tickets)
        for rate, start, end in zip(rates, cuts, cuts[1:], strict=False)
        if start < min(end, ends_at)
    ]


def tickets_for(earned: Iterable[Earned], unit: int) -> int:
    """Whole tickets for what was earned; the remainder is not lost, because it is added up anew
    every time."""
    return int(max(0, _worth(earned)) // unit)


def until_next(earned: Sequence[Earned], per_hour: int) -> timedelta | None:
    """How much more watching makes the next ticket, rounded up; None where watching earns none."""
    if per_hour == 0:
        return None
    missing = HOUR - int(max(0, _worth(earned))) % HOUR
    return -(-missing // per_hour) * MICROSECOND


def _worth(earned: Iterable[Earned]) -> Amount:
    return sum((amount * rate for amount, rate in earned), start=0)


def chance_words(tickets: int, of: int) -> str:
    """`4.2%`; never 0 for whoever has a ticket."""
    share = tickets / of if of else 0.0
    return f"{share:.1%}" if share >= 0.001 or tickets == 0 else _("under 0.1%")


def change(due: int, posted: int, balance: int) -> int:
    """What is to be posted so that the ledger says what is due; it never takes more than is there:
    the rest waits until there is something to take."""
    return max(due - posted, -balance) if due < posted else due - posted
