"""What counts as wagered.

A platform reports lifetime totals; what counts is by how much they exceed the highest one so far,
to the last digit.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Literal, NamedTuple

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
_TICK = timedelta(microseconds=1)

WINDOW = timedelta(hours=1)
"""The time over which the limit holds; it slides."""

HeldReason = Literal["fast", "returned"]


class WagerSettings(GuildSettings, feature="wagers"):
    """Settings of a server."""

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
        "Dollars an hour, in any hour: what a total rises by beyond that is not counted until an "
        "admin accepts it.",
        default=25_000,
        minimum=1,
        maximum=1_000_000_000,
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
        highest: the highest total that was ever reported. A platform that reports less for a while
            has not seen new wagers before it reports more than this.
    """

    total: Decimal
    highest: Decimal


@dataclass(frozen=True, slots=True)
class Change:
    """What a new reading means.

    Attributes:
        amount: what counts.
        held: what is implausible; an admin counts or dismisses it.
        reason: why something is held.
    """

    kind: Literal["rise", "fall"]
    amount: Decimal
    held: Decimal
    reason: HeldReason | None
    after: Baseline


class Counted(NamedTuple):
    """What counted without an admin, between two readings."""

    number: int
    since: datetime
    at: datetime
    amount: Decimal


def allowance(per_hour: int, since: datetime, at: datetime, counted: Iterable[Counted]) -> Fraction:
    """What may count at `at` for a total that was last read at `since`, after what was `counted`.

    In no hour more than `per_hour` counts, however often the platform is asked. What is read after
    a longer gap, such as an outage, was wagered somewhere in it, and is spread evenly over it.
    """
    used = sum(
        Fraction(one.amount) / _hours(one.since, one.at) for one in counted if one.at > at - WINDOW
    )
    return max(Fraction(0), per_hour - used) * _hours(since, at)


def _hours(since: datetime, at: datetime) -> Fraction:
    """At least one."""
    return max(Fraction(1), Fraction((at - since) // _TICK, WINDOW // _TICK))


def change(before: Baseline, total: Decimal, allowed: Fraction | Decimal) -> Change | None:
    """What counts when the platform reports this total next; None if nothing has changed.

    Only what is above the highest total ever reported counts, and only if it is plausible. So these
    are held for an admin:

    * `returned`: what a total that fell rises by until it is back. Platforms sometimes report
      zeros and old pages, and return at once or in small steps;
    * `fast`: what is new, as a whole, if it is more than `allowed`.
    """
    if total == before.total:
        return None
    if total < before.total:
        return Change("fall", _ZERO, _ZERO, None, Baseline(total, before.highest))
    rise, highest = _EXACT.subtract(total, before.total), max(total, before.highest)
    has_fallen = before.total < before.highest
    new = Fraction(highest) - Fraction(before.highest)
    returned = _EXACT.subtract(min(total, before.highest), before.total) if has_fallen else _ZERO
    held = returned if new <= allowed else rise
    reason: HeldReason = "returned" if has_fallen else "fast"
    amount = _EXACT.subtract(rise, held)
    return Change("rise", amount, held, reason if held else None, Baseline(total, highest))


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
