"""What counts as wagered.

A platform reports lifetime totals; what counts is by how much they rise, to the last digit.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Context, Decimal, Inexact
from typing import Literal

from core.kit.guild_settings import GuildSettings, number, role, text

SHUFFLE = "shuffle"

TITLES: Mapping[str, str] = {SHUFFLE: "Shuffle"}
"""Platform -> its name for people."""

DEFAULT_ROLE_NAME = "Shuffle Code User"

RELINK_AFTER = timedelta(hours=24)
"""Time between unlinking an account and linking another, so that nobody hops between accounts."""

LONGEST_NAME = 64

_EXACT = Context(prec=120, traps=[Inexact])
_NO_NAME = re.compile(r"[\s\x00-\x1f\x7f<>`|*]")
_ZERO = Decimal(0)
_JUMP_SHARE = Decimal(10)
"""One reading that makes up this part of a fall (a tenth) is a jump back, not play."""


class WagerSettings(GuildSettings, feature="wagers"):
    """What an admin can set."""

    shuffle_code: str = text(
        "Your campaign code at Shuffle; only accounts that signed up under it can be verified.",
        environment="shuffle_campaign_code",
    )
    verified_role: int = role(
        "The role for members whose affiliate account was verified; while none is chosen, the one "
        f"called “{DEFAULT_ROLE_NAME}”.",
        label="Role for verified accounts",
    )
    review_above_per_hour: int = number(
        "Dollars an hour: a total that rises faster is not counted until an admin accepts it.",
        default=25_000,
        least=1,
        most=1_000_000_000,
        label="Review wagers above",
        unit="$ an hour",
    )

    def code(self, platform: str) -> str:
        """The guild's campaign code at a platform; empty while it is not set."""
        return {SHUFFLE: self.shuffle_code}[platform].strip()


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
    """What can plausibly be wagered between two readings; a started hour counts as a full one."""
    return Decimal(per_hour) * max(1, math.ceil(seconds / 3600))


def change(before: Baseline, total: Decimal, largest: Decimal) -> Change | None:
    """What counts when the platform reports this total next; None if nothing has changed.

    A total that falls is a new baseline: what is wagered from there on counts. Platforms sometimes
    report zeros and old pages, and jump back. So these are held for an admin:

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
    """A username as typed, without an `@`; None if it cannot be one."""
    name = unicodedata.normalize("NFC", text).strip().removeprefix("@")
    fits = 0 < len(name) <= LONGEST_NAME and name.isprintable() and not _NO_NAME.search(name)
    return name if fits else None


def can_link_at(ended_at: datetime | None, now: datetime) -> datetime | None:
    """When an account may be linked if another was unlinked then; None: now."""
    if ended_at is None or ended_at + RELINK_AFTER <= now:
        return None
    return ended_at + RELINK_AFTER
