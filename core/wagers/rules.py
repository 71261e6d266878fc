"""What counts as wagered.

A platform reports lifetime totals; the amount by which a total exceeds the highest one so far
counts, exactly.
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
"""Platform -> its display name."""

DEFAULT_ROLE_NAME = "Shuffle Code User"

RELINK_AFTER = timedelta(hours=24)
"""Time between unlinking an account and linking another, to prevent switching between accounts."""

MAX_NAME_CHARACTERS = 64

_EXACT = Context(prec=120, traps=[Inexact])
_NO_NAME = re.compile(r"[\s\x00-\x1f\x7f<>`|*]")
_ZERO = Decimal(0)
_TICK = timedelta(microseconds=1)

WINDOW = timedelta(hours=1)
"""The sliding window of the hourly limit."""

HeldReason = Literal["fast", "returned"]


class WagerSettings(GuildSettings, feature="wagers"):
    """Settings of a server."""

    shuffle_code: str = text(
        "Your Shuffle campaign code. Only accounts that signed up under it can be verified.",
        environment="shuffle_campaign_code",
    )
    verified_role: int = role(
        "The role for members with a verified affiliate account. If none is chosen, the role "
        f"called “{DEFAULT_ROLE_NAME}” is used.",
        label="Role for verified accounts",
    )
    review_above_per_hour: int = number(
        "Dollars per hour. If a total rises faster, the amount is held until an admin accepts it.",
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
        highest: the highest total ever reported. If the platform reports less for a while, there
            are no new wagers until it reports more than this.
    """

    total: Decimal
    highest: Decimal


@dataclass(frozen=True, slots=True)
class Change:
    """The effect of a new reading.

    Attributes:
        amount: the amount that counts.
        held: an implausible amount; an admin counts or dismisses it.
        reason: why it is held.
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
    """The amount that may count at `at` for a total last read at `since`, given what was `counted`.

    At most `per_hour` counts in any hour, however often the platform is polled. An increase after a
    longer gap, such as an outage, is spread evenly over the gap.
    """
    used = sum(
        Fraction(entry.amount) / _hours(entry.since, entry.at)
        for entry in counted
        if entry.at > at - WINDOW
    )
    return max(Fraction(0), per_hour - used) * _hours(since, at)


def _hours(since: datetime, at: datetime) -> Fraction:
    """At least one."""
    return max(Fraction(1), Fraction((at - since) // _TICK, WINDOW // _TICK))


def change(before: Baseline, total: Decimal, allowed: Fraction | Decimal) -> Change | None:
    """What counts when the platform reports this total next; None if nothing changed.

    Only the amount above the highest total ever reported counts, and only if it is plausible. These
    amounts are held for an admin:

    * `returned`: the increase of a total that fell, until it has recovered. Platforms sometimes
      report zeros or outdated pages, and recover at once or in small steps;
    * `fast`: the whole new amount, if it exceeds `allowed`.
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
    """The username without an `@`; None if it is invalid."""
    name = unicodedata.normalize("NFC", text).strip().removeprefix("@")
    is_valid = 0 < len(name) <= MAX_NAME_CHARACTERS and name.isprintable()
    return name if is_valid and not _NO_NAME.search(name) else None


def can_link_at(ended_at: datetime | None, now: datetime) -> datetime | None:
    """When an account may be linked after another was unlinked; None: now."""
    if ended_at is None or ended_at + RELINK_AFTER <= now:
        return None
    return ended_at + RELINK_AFTER
