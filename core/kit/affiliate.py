"""The interface of an affiliate platform: a site that reports the total wagers of everyone who
signed up with a campaign code. Vendors' packages implement it, and `core.wagers` uses it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from unicodedata import normalize


@dataclass(frozen=True, slots=True)
class Standing:
    """The total wagers of one account, in dollars."""

    username: str
    campaign_code: str
    wagered: Decimal


@dataclass(frozen=True)
class Standings:
    """A platform's response.

    Attributes:
        asked_at: time just before the request; the totals are at least this recent.
        totals: (folded campaign code, folded name) -> total wagers.
        unreadable: number of lines that could not be parsed.
        repeated: number of lines that repeated a name.
    """

    asked_at: datetime
    totals: Mapping[tuple[str, str], Decimal]
    unreadable: int = 0
    repeated: int = 0

    def find_total(self, campaign_code: str, username: str) -> Decimal | None:
        """The total wagers of an account; None if it is not under this code."""
        return self.totals.get((fold(campaign_code), fold(username)))


class AffiliatePlatform(Protocol):
    """An affiliate site."""

    @property
    def key(self) -> str:
        """Its name in our tables."""

    @property
    def title(self) -> str:
        """Its display name."""

    @property
    def is_set_up(self) -> bool:
        """Whether its address is configured."""

    def ask(self, now: datetime) -> Standings:
        """The totals of all accounts. Never call it inside a transaction. Raises Outage."""


def fold(name: str) -> str:
    """The form in which names and codes are compared: case and Unicode composition are ignored."""
    return normalize("NFC", normalize("NFC", name).strip().removeprefix("@").casefold())


def standings_of(asked_at: datetime, lines: Sequence[Standing], unreadable: int = 0) -> Standings:
    """Totals by account. If a name is repeated, as on overlapping pages, the larger total is the
    newer one; their sum would count bets twice."""
    totals: dict[tuple[str, str], Decimal] = {}
    for line in lines:
        whose = (fold(line.campaign_code), fold(line.username))
        totals[whose] = max(line.wagered, totals.get(whose, line.wagered))
    return Standings(asked_at, totals, unreadable, len(lines) - len(totals))
