"""What counts as wagered: pure.

A platform tells totals of a lifetime; what counts is by how much they rise, to the last digit.
"""

import math
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Context, Decimal, Inexact
from typing import Literal

RELINK_AFTER = timedelta(hours=24)
"""How long after unlinking an account may be linked anew, so that nobody hops between accounts."""

LONGEST_NAME = 64

_EXACT = Context(prec=120, traps=[Inexact])
_NO_NAME = re.compile(r"[\s\x00-\x1f\x7f<>`|*]")
_ZERO = Decimal(0)
_JUMP_SHARE = Decimal(10)
"""One reading that makes up this part of a fall (a tenth) is a jump back, not play."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The newest reading.

    Attributes:
        total: wagered in all.
        fell_from: the total before it fell, until it reaches that again.
        fell_to: the total right after that fall.
    """

    total: Decimal
    fell_from: Decimal | None = None
    fell_to: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a new reading means.

    Attributes:
        amount: what counts.
        held: what is implausible; an admin counts or dismisses it.
    """

    kind: Literal["rise", "fall"]
    amount: Decimal
    held: Decimal
    after: Baseline


def largest_rise(per_hour: int, seconds: float) -> Decimal:
    """What can plausibly be wagered between two readings; a started hour allows a full one's."""
    return Decimal(per_hour) * max(1, math.ceil(seconds / 3600))


def change(before: Baseline, total: Decimal, largest: Decimal) -> Change | None:
    """What counts when the platform reports this total next; None when nothing has changed.

    A total that falls is a new baseline: what is wagered from there on counts. Platforms also
    report zeros and old pages now and then, and jump back. So these are held for an admin:

    * a rise above `largest`, as a whole;
    * below the total it fell from, what makes up a tenth of the fall or more in one reading.
    """
    if total == before.total:
        return None
    if total < before.total:
        height = max(before.total, before.fell_from or before.total)
        return Change("fall", _ZERO, _ZERO, Baseline(total, height, total))
    rise = _EXACT.subtract(total, before.total)
    held = rise if rise > largest else _made_up(before, total)
    is_back = before.fell_from is None or total >= before.fell_from
    after = Baseline(total) if is_back else replace(before, total=total)
    return Change("rise", _EXACT.subtract(rise, held), held, after)


def _made_up(before: Baseline, total: Decimal) -> Decimal:
    """The part of a rise that was probably counted before the fall."""
    if before.fell_from is None or before.fell_to is None:
        return _ZERO
    refilled = _EXACT.subtract(min(total, before.fell_from), before.total)
    fall = _EXACT.subtract(before.fell_from, before.fell_to)
    return refilled if _EXACT.multiply(refilled, _JUMP_SHARE) >= fall else _ZERO


def clean_name(text: str) -> str | None:
    """A name as somebody typed it, without an `@`; None when it can be nobody's."""
    name = unicodedata.normalize("NFC", text).strip().removeprefix("@")
    fits = 0 < len(name) <= LONGEST_NAME and name.isprintable() and not _NO_NAME.search(name)
    return name if fits else None


def free_again_at(ended_at: datetime | None, now: datetime) -> datetime | None:
    """When an account may be linked after another was unlinked then; None: now."""
    if ended_at is None or ended_at + RELINK_AFTER <= now:
        return None
    return ended_at + RELINK_AFTER
