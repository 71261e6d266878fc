"""The shape of an affiliate platform: a site that tells, for everybody who signed up under a
campaign code, how much they have wagered in all.

Vendors' packages implement it, `core.wagers` counts with it, and neither knows of the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from unicodedata import normalize


@dataclass(frozen=True, slots=True)
class Standing:
    """What one account has wagered in all, in dollars."""

    username: str
    campaign_code: str
    wagered: Decimal


@dataclass(frozen=True)
class Standings:
    """What a platform answered.

    Attributes:
        asked_at: just before it was asked; the answer is not older.
        totals: (folded campaign code, folded name) -> wagered in all.
        unreadable: how many lines could not be parsed.
        repeated: how many lines repeated a name.
    """

    asked_at: datetime
    totals: Mapping[tuple[str, str], Decimal]
    unreadable: int = 0
    repeated: int = 0

    def find_total(self, campaign_code: str, username: str) -> Decimal | None:
        """What an account has wagered in all; None if it is not under this code."""
        return self.totals.get((fold(campaign_code), fold(username)))


class AffiliatePlatform(Protocol):
    """One such site."""

    @property
    def key(self) -> str:
        """What our rows call it."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def is_set_up(self) -> bool:
        """Whether the installation knows where to ask."""

    def ask(self, now: datetime) -> Standings:
        """Everybody's totals. Never call it inside a transaction.

        Raises:
            Outage: nothing was told; with `retry_after` where the platform asks us to wait.
        """


def fold(name: str) -> str:
    """The form under which names and codes are compared: capitals do not matter, nor whether an
    accent is a character of its own."""
    return normalize("NFC", normalize("NFC", name).strip().removeprefix("@").casefold())


def standings_of(asked_at: datetime, lines: Sequence[Standing], unreadable: int = 0) -> Standings:
    """An answer line by line. Where a name comes twice, as on two pages that overlap, the larger
    total is the newer one: adding them up would count the same bets twice."""
    totals: dict[tuple[str, str], Decimal] = {}
    for line in lines:
        whose = (fold(line.campaign_code), fold(line.username))
        totals[whose] = max(line.wagered, totals.get(whose, line.wagered))
    return Standings(asked_at, totals, unreadable, len(lines) - len(totals))
