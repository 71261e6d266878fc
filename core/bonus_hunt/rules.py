"""Settings, figures of a hunt, and the best guess. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from core.kit.guild_settings import GuildSettings, number, switch, text

MAX_BONUSES = 500
"""Per hunt. Real hunts have fewer than 200."""
MAX_TITLE_LENGTH = 80

GUESS_NAMES = ("guess",)
"""Default names of the chat command."""

USUAL_DIGITS = 2
_DIGITS = {
    **dict.fromkeys(("CLP", "IDR", "ISK", "JPY", "KRW", "VND"), 0),
    **dict.fromkeys(("BHD", "KWD", "TND"), 3),
    **dict.fromkeys(("ADA", "TRX", "XRP"), 6),
    **dict.fromkeys(("BCH", "BNB", "BTC", "DOGE", "ETH", "LTC", "SOL", "TON", "USDC", "USDT"), 8),
}


class HuntSettings(GuildSettings, feature="bonus_hunt"):
    """Settings of a server."""

    currency: str = text(
        "Default currency of new bonus hunts.",
        default="EUR",
        label="Currency",
    )
    prize_tickets: int = number(
        "Raffle tickets for the viewer whose guess is closest to the balance; 0 for none.",
        default=0,
        minimum=0,
        maximum=1_000_000,
        label="Tickets for the best guess",
    )
    replies: bool = switch(
        "Reply to each guess in the stream's chat.",
        default=True,
        label="Reply to guesses",
    )
    public_page: bool = switch(
        "Show bonus hunts on a public web page.",
        default=True,
        label="Public page of bonus hunts",
    )


def digits_of(currency: str) -> int:
    """Decimals of the currency's amounts."""
    return _DIGITS.get(currency, USUAL_DIGITS)


@dataclass(frozen=True, slots=True)
class Line:
    """A bonus; `payout` is None until it is opened."""

    position: int
    bet: Decimal
    payout: Decimal | None = None
    skipped: bool = False

    @property
    def waits(self) -> bool:
        """Whether it has been neither opened nor skipped."""
        return self.payout is None and not self.skipped

    @property
    def multiplier(self) -> Decimal | None:
        """Payout divided by bet."""
        return None if self.payout is None else self.payout / self.bet


@dataclass(frozen=True, slots=True)
class Figures:
    """How a hunt is going.

    Attributes:
        total: number of bonuses; `opened`, `skipped` and `left` of them.
        profit: total winnings minus the start cost; negative for a loss.
        break_even: the average payout the remaining bonuses need, as a multiple of their bets, to
            bring the start cost back; 0 when it is back, None when none is left.
        average: winnings per unit of the opened bets, comparable with `break_even`.
        best: the opened bonus with the highest multiplier, `worst` with the lowest; of equal
            ones the first.
        next: the first one that is left.
    """

    total: int
    opened: int
    skipped: int
    left: int
    returned: Decimal
    profit: Decimal
    break_even: Decimal | None
    average: Decimal | None
    best: Line | None
    worst: Line | None
    next: Line | None


def figures(start_cost: Decimal, lines: Sequence[Line]) -> Figures:
    """All values are exact except quotients, which have 28 digits."""
    waiting = [line for line in lines if line.waits]
    opened = [(line, line.payout) for line in lines if line.payout is not None]
    returned = sum((payout for _line, payout in opened), Decimal(0))
    missing = max(Decimal(0), start_cost - returned)
    played = sum((line.bet for line, _payout in opened), Decimal(0))
    ratios = {line: Fraction(payout) / Fraction(line.bet) for line, payout in opened}
    return Figures(
        total=len(lines),
        opened=len(opened),
        skipped=sum(line.skipped for line in lines),
        left=len(waiting),
        returned=returned,
        profit=returned - start_cost,
        break_even=missing / sum(line.bet for line in waiting) if waiting else None,
        average=returned / played if played else None,
        best=max(ratios, key=ratios.__getitem__, default=None),
        worst=min(ratios, key=ratios.__getitem__, default=None),
        next=waiting[0] if waiting else None,
    )


class Guessed(NamedTuple):
    """The last guess of a viewer."""

    viewer_id: int
    amount: Decimal
    at: datetime


def best_guess(guesses: Iterable[Guessed], balance: Decimal) -> Guessed | None:
    """The guess closest to the balance; the earliest one in a tie."""
    return min(
        guesses,
        key=lambda guess: (abs(guess.amount - balance), guess.at, guess.viewer_id),
        default=None,
    )
