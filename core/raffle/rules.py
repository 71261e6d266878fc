"""Settings of raffles, and exact computation of tickets for watchtime and wagers."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from core.kit.guild_settings import GuildSettings, channel, number, switch, text
from core.kit.text.words import _

MAX_RATE = 100_000
"""Tickets for one unit of anything."""


class RaffleSettings(GuildSettings, feature="raffle"):
    """Settings of a server."""

    enabled: bool = switch(
        "Open a raffle automatically on the 1st of each month, in the server's "
        "time zone; `/rafflestart` turns this on, `/raffleend` turns it off.",
        default=False,
        label="Monthly raffle",
    )
    public_page: bool = switch(
        "Show the raffle and its leaderboard on a public web page.",
        default=True,
        label="Public raffle page",
    )
    log_channel: int = channel(
        "The Discord channel that shows changes by admins (tickets given, removed or voided, "
        "dates); default: the raffle's channel.",
        label="Channel for changes",
    )
    channel: int = channel(
        "The Discord channel for raffle news: opening, frozen list, winners.",
        environment="raffle_announcement_channel_id",
    )
    prize: str = text("Prize of the next raffle, and of the current one if it has no prize yet.")
    winners: int = number("How many winners the next raffle has.", default=1, minimum=1, maximum=50)
    tickets_per_gifted_sub: int = number(
        "Tickets for each gifted sub; a change applies to new gifts only.",
        default=15,
        minimum=0,
        maximum=MAX_RATE,
    )
    tickets_per_hour: int = number(
        "Tickets for each hour watched; a change applies to new watchtime only.",
        default=10,
        minimum=0,
        maximum=MAX_RATE,
    )
    tickets_per_1000_wagered: int = number(
        "Tickets for each $1,000 wagered with a verified account; a change applies to new wagers "
        "only.",
        default=20,
        minimum=0,
        maximum=MAX_RATE,
        label="Tickets per $1,000 wagered",
    )
    auto_draw: bool = switch(
        "Draw each raffle automatically after it ends.",
        default=False,
        environment="raffle_auto_draw",
        label="Automatic draw",
    )
    grace_minutes: int = number(
        "Minutes to wait for late tickets before the list is frozen automatically.",
        default=15,
        minimum=0,
        maximum=1440,
        label="Wait before the list is frozen",
        unit="min",
    )
    claim_minutes: int = number(
        "Minutes a winner has to claim the prize before another winner is drawn.",
        default=2880,
        minimum=1,
        maximum=43_200,
        label="Time to claim a prize",
        unit="min",
    )


MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1) // MICROSECOND

Amount = int | Fraction
"""Microseconds watched, or dollars wagered."""

Earned = tuple[Amount, int]
"""An amount, and the tickets per unit."""


Rate = tuple[datetime, int]
"""Tickets per unit from this instant until the next rate."""


def parts(
    rates: Sequence[Rate], starts_at: datetime, ends_at: datetime
) -> list[tuple[datetime, datetime, int]]:
    """A raffle's periods of equal rate: start, end, tickets per unit. The first rate applies from
    the start, no matter when it was stored."""
    cuts = [starts_at, *(valid_from for valid_from, _tickets in rates[1:]), ends_at]
    return [
        (start, min(end, ends_at), tickets)
        for (_valid_from, tickets), start, end in zip(rates, cuts, cuts[1:], strict=False)
        if start < min(end, ends_at)
    ]


def tickets_for(earned: Iterable[Earned], unit: int) -> int:
    """Whole tickets for the earned amounts. Remainders are not lost, because everything is added up
    again each time."""
    return int(max(0, _worth(earned)) // unit)


def until_next(earned: Sequence[Earned], per_hour: int) -> timedelta | None:
    """Watchtime left until the next ticket, rounded up; None if watching earns none."""
    if per_hour == 0:
        return None
    missing = HOUR - int(max(0, _worth(earned))) % HOUR
    return -(-missing // per_hour) * MICROSECOND


def _worth(earned: Iterable[Earned]) -> Amount:
    return sum((amount * rate for amount, rate in earned), start=0)


def chance_words(tickets: int, of: int) -> str:
    """`4.2%`; never 0 for a viewer with tickets."""
    share = tickets / of if of else 0.0
    return f"{share:.1%}" if share >= 0.001 or tickets == 0 else _("under 0.1%")


def change(due: int, posted: int, balance: int) -> int:
    """The amount to post so that the ledger matches what is due. It never removes more than the
    balance; the rest is removed later."""
    return max(due - posted, -balance) if due < posted else due - posted


SHORT_INTERRUPTION = timedelta(seconds=30)
"""Shorter interruptions, such as a restart of the bot, don't extend the time to claim."""

DETECTION_DELAY = timedelta(minutes=2)
"""How long a lost connection to Discord can go unnoticed. Added to every longer interruption."""

CLOCK_INTERVAL = timedelta(seconds=10)
"""Interval at which it is stored that a winner is able to claim."""

MAX_POSTS = 3
"""Maximum posts of a winner in one channel, or of a frozen list: the post may be deleted on
purpose."""
REPEATED_POSTS = range(2, MAX_POSTS + 1)

PAUSED_ALERT_AFTER = timedelta(minutes=5)
"""How long a winner can be unable to claim before the health page shows it."""


def claim_deadline(
    deadline: datetime, last: datetime | None, window: timedelta, now: datetime
) -> datetime:
    """The deadline of a winner who can claim now and could last claim at `last`.

    The first time, they get the whole window. Time in which the bot made claiming impossible does
    not count.
    """
    if last is None:
        return max(deadline, now + window)
    gap = now - last
    return deadline + gap + DETECTION_DELAY if gap > SHORT_INTERRUPTION else deadline
