"""What an admin can set about raffles, and what watching and wagers are worth, exactly."""

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
        "Whether a raffle opens automatically each month, from the 1st to the 1st in the server's "
        "time zone; `/rafflestart` turns this on, `/raffleend` off.",
        default=False,
        label="Monthly raffle",
    )
    public_page: bool = switch(
        "Whether the raffle has a public web page with its board.",
        default=True,
        label="Public raffle page",
    )
    log_channel: int = channel(
        "The Discord channel in which changes by admins are shown (tickets given, taken or voided, "
        "dates); without one, the raffle's own channel.",
        label="Channel for changes",
    )
    channel: int = channel(
        "The Discord channel for raffle news: opening, frozen list, winners.",
        environment="raffle_announcement_channel_id",
    )
    prize: str = text(
        "What can be won in the next raffle that opens, and in one that is open without a prize."
    )
    winners: int = number(
        "How many win in the next raffle that opens.", default=1, minimum=1, maximum=50
    )
    tickets_per_gifted_sub: int = number(
        "Tickets for each gifted sub; a change counts for gifts from then on.",
        default=15,
        minimum=0,
        maximum=MAX_RATE,
    )
    tickets_per_hour: int = number(
        "Tickets for each hour watched; a change counts for time watched from then on.",
        default=10,
        minimum=0,
        maximum=MAX_RATE,
    )
    tickets_per_1000_wagered: int = number(
        "Tickets for each $1,000 wagered with a verified account; a change counts for wagers from "
        "then on.",
        default=20,
        minimum=0,
        maximum=MAX_RATE,
        label="Tickets per $1,000 wagered",
    )
    auto_draw: bool = switch(
        "Whether a raffle that has ended is drawn automatically.",
        default=False,
        environment="raffle_auto_draw",
        label="Automatic draw",
    )
    grace_minutes: int = number(
        "Minutes to wait for late tickets after the end before the list is frozen automatically.",
        default=15,
        minimum=0,
        maximum=1440,
        label="Wait before the list is frozen",
        unit="min",
    )
    claim_minutes: int = number(
        "Minutes a winner has to claim the prize before another one is drawn.",
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
"""An amount, and the tickets for a unit of it."""


Rate = tuple[datetime, int]
"""How many tickets a unit is worth from then on, until the next rate."""


def parts(
    rates: Sequence[Rate], starts_at: datetime, ends_at: datetime
) -> list[tuple[datetime, datetime, int]]:
    """A raffle cut where the rate changed: start, end, tickets a unit. The first rate is valid from
    the start, whenever it was recorded."""
    cuts = [starts_at, *(valid_from for valid_from, _tickets in rates[1:]), ends_at]
    return [
        (start, min(end, ends_at), tickets)
        for (_valid_from, tickets), start, end in zip(rates, cuts, cuts[1:], strict=False)
        if start < min(end, ends_at)
    ]


def tickets_for(earned: Iterable[Earned], unit: int) -> int:
    """Whole tickets for what was earned. The remainder is not lost, because everything is added up
    again every time."""
    return int(max(0, _worth(earned)) // unit)


def until_next(earned: Sequence[Earned], per_hour: int) -> timedelta | None:
    """How much more watchtime earns the next ticket, rounded up; None if watching earns none."""
    if per_hour == 0:
        return None
    missing = HOUR - int(max(0, _worth(earned))) % HOUR
    return -(-missing // per_hour) * MICROSECOND


def _worth(earned: Iterable[Earned]) -> Amount:
    return sum((amount * rate for amount, rate in earned), start=0)


def chance_words(tickets: int, of: int) -> str:
    """`4.2%`; never 0 for somebody with a ticket."""
    share = tickets / of if of else 0.0
    return f"{share:.1%}" if share >= 0.001 or tickets == 0 else _("under 0.1%")


def change(due: int, posted: int, balance: int) -> int:
    """What to post so that the ledger has what is due. It never takes more than the balance; the
    rest is taken once there is something to take."""
    return max(due - posted, -balance) if due < posted else due - posted


SHORT = timedelta(seconds=30)
"""A shorter interruption, such as a restart of the bot, does not extend the time to claim."""

UNNOTICED = timedelta(minutes=2)
"""How long a lost connection to Discord can go unnoticed. Added to every longer interruption."""

CLOCK_INTERVAL = timedelta(seconds=10)
"""How often it is stored that a winner is able to claim."""

MAX_POSTS = 3
"""How often a winner is posted in one channel, or a frozen list at all: somebody may delete the
post on purpose."""
AGAIN = range(2, MAX_POSTS + 1)

PAUSED = timedelta(minutes=5)
"""How long a winner may be unable to claim before the health page shows it."""


def claim_deadline(
    deadline: datetime, last: datetime | None, window: timedelta, now: datetime
) -> datetime:
    """The last instant to claim, for a winner who can claim now and before that could at `last`.

    The first time they have the whole window. Time during which the bot made claiming impossible
    does not count.
    """
    if last is None:
        return max(deadline, now + window)
    gap = now - last
    return deadline + gap + UNNOTICED if gap > SHORT else deadline
