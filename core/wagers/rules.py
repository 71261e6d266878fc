"""What counts as wagered: pure.

A platform tells totals of a lifetime; what counts is by how much they rise, to the last digit.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal, Inexact
from typing import Literal

RELINK_AFTER = timedelta(hours=24)
"""How long after unlinking an account may be linked anew, so that nobody hops between accounts."""

LONGEST_NAME = 64

_EXACT = Context(prec=120, traps=[Inexact])
_NO_NAME = re.compile(r"[\s\x00-\x1f\x7f<>`|*]")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was read last.

    Attributes:
        total: wagered in all.
        fell_from: the total from which it fell, while it has not risen since.
    """

    total: Decimal
    fell_from: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a new reading means.

    Attributes:
        amount: what counts.
        held: what may have been counted once before; an admin decides.
    """

    kind: Literal["rise", "fall"]
    amount: Decimal
    held: Decimal
    after: Baseline


def change(before: Baseline, total: Decimal) -> Change | None:
    """What counts when the platform tells this total next; None when nothing has changed.

    A total that falls is where counting goes on from. Should the very next rise reach the height
    it fell from, the platform has most likely told nonsense in between (a zero, an old page); what
    was counted on the way up once is then held until an admin says that it was a new start.
    """
    if total == before.total:
        return None
    if total < before.total:
        height = max(before.total, before.fell_from or before.total)
        return Change("fall", _ZERO, _ZERO, Baseline(total, height))
    held = _ZERO
    if before.fell_from is not None and total >= before.fell_from:
        held = _EXACT.subtract(before.fell_from, before.total)
    rose = _EXACT.subtract(total, before.total)
    return Change("rise", _EXACT.subtract(rose, held), held, Baseline(total))


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
