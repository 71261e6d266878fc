"""How much time a winner has to claim the prize."""

from dataclasses import dataclass
from datetime import datetime, timedelta

SHORT = timedelta(seconds=30)
"""A shorter interruption, such as a restart of the bot, does not stop the clock."""

UNNOTICED = timedelta(minutes=2)
"""How long a lost connection to Discord can go unnoticed. Added to every longer interruption."""

CLOCK_INTERVAL = timedelta(seconds=10)
"""How often a winner's clock is stored."""

PAUSED = timedelta(minutes=5)
"""How long a winner's clock may be stopped before the health page shows it."""


@dataclass(frozen=True, slots=True)
class ClaimClock:
    """How much time a winner has to claim the prize.

    Attributes:
        expires_at: the last instant to claim. Every interruption postpones it.
        since: when the winner could claim for the first time; None before that.
        at: when the winner was last known to be able to claim.
    """

    expires_at: datetime
    since: datetime | None = None
    at: datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.at is not None and self.at >= self.expires_at


def run_clock(clock: ClaimClock, window: timedelta, at: datetime) -> ClaimClock:
    """The clock after the winner was able to claim at this instant.

    It starts at the first such instant, with the whole window. Time during which the bot made
    claiming impossible does not count.
    """
    if clock.since is None or clock.at is None:
        return ClaimClock(max(clock.expires_at, at + window), at, at)
    gap = at - clock.at
    lost = gap + UNNOTICED if gap > SHORT else timedelta()
    return ClaimClock(clock.expires_at + lost, clock.since, max(clock.at, at))
