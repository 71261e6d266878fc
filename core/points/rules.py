"""Settings, which points pay for something, and what an hour of watchtime earns. Pure."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from core.kit.guild_settings import GuildSettings, choice, number, switch, text

NAMES = ("points",)
"""Default names of the chat command."""

MOST = 10**12
"""Points that can be moved at once."""

MAX_RATE = 1_000_000

LONGEST_REASON = 200

MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1) // MICROSECOND

ProviderName = Literal["own", "streamelements"]

Bucket = Literal["earned", "won", "paid"]
"""The origin of a viewer's points: `won` in games, `paid` for with Kicks or bits, otherwise
`earned`."""


def _rate(help: str, label: str, default: int) -> Any:
    return number(help, default=default, minimum=0, maximum=MAX_RATE, label=label)


class PointsSettings(GuildSettings, feature="points"):
    """Settings of a server."""

    enabled: bool = switch(
        "Whether this server has points. While they are off, nothing is earned or spent.",
        default=False,
        label="Points",
    )
    name: str = text("What a point is called.", default="point", label="Name of one")
    plural: str = text("What several points are called.", default="points", label="Name of several")
    symbol: str = text("An emoji or letters before amounts.", default="🪙", label="Symbol")
    provider: ProviderName = choice(
        "Where points are stored: in this bot, or at StreamElements.",
        ProviderName,
        default="own",
        label="Stored at",
    )
    per_hour: int = _rate(
        "Points for each hour watched; a change counts for time watched from then on.",
        "Per hour watched",
        60,
    )
    per_subscription: int = _rate(
        "Points for a new or renewed subscription.", "Per subscription", 500
    )
    per_gifted_sub: int = _rate("Points for the giver of each gifted sub.", "Per gifted sub", 500)
    per_100_kicks: int = _rate(
        "Points for 100 Kicks on Kick; smaller gifts count in part.", "Per 100 Kicks", 100
    )
    per_100_bits: int = _rate(
        "Points for 100 bits on Twitch; smaller cheers count in part.", "Per 100 bits", 100
    )
    per_raid: int = _rate("Points for raiding the channel on Twitch.", "Per raid", 500)
    raid_viewers: int = number(
        "How many viewers a raid needs to earn points.",
        default=2,
        minimum=1,
        maximum=100_000,
        label="Smallest raid",
        unit="viewers",
    )
    gifts: bool = switch(
        "Whether viewers can give points to each other (`!give`).",
        default=True,
        label="Gifts between viewers",
    )
    gift_hours: int = number(
        "Hours that giver and receiver must have watched, unless both have linked their account. "
        "This stops farming with alternative accounts.",
        default=10,
        minimum=0,
        maximum=10_000,
        label="Watched before gifts",
        unit="h",
    )
    gift_daily: int = number(
        "How many points a viewer can give away per day.",
        default=10_000,
        minimum=0,
        maximum=10**9,
        label="Gifts per day",
    )
    gift_cooldown: int = number(
        "Seconds between two gifts of a viewer.",
        default=30,
        minimum=0,
        maximum=86_400,
        label="Cooldown of gifts",
        unit="s",
    )
    public_page: bool = switch(
        "Whether the leaderboard of points has a public web page.",
        default=True,
        label="Public leaderboard",
    )

    @property
    def currency(self) -> dict[str, Any]:
        """Symbol and names, for payloads of messages."""
        return {"symbol": self.symbol, "one": self.name, "plural": self.plural}

    @property
    def earns(self) -> bool:
        """Whether viewers earn points here; another provider has its own rules."""
        return self.enabled and self.provider == "own"


# -- buckets --------------------------------------------------------------------------------------

SPENDING_ORDER: tuple[Bucket, ...] = ("earned", "won", "paid")
"""Points that cannot buy everything are spent last."""


class Part(NamedTuple):
    """Points of one account in one bucket."""

    viewer_id: int
    bucket: Bucket
    amount: int


Balances = Mapping[tuple[int, Bucket], int]
"""Viewer id and bucket -> points."""


def allocate(
    balances: Balances,
    accounts: Sequence[int],
    amount: int,
    order: Sequence[Bucket] = SPENDING_ORDER,
) -> list[Part] | None:
    """Split an amount over buckets in `order`, and within a bucket over the accounts in order; None
    if there is not enough."""
    parts: list[Part] = []
    for bucket in order:
        for account in accounts:
            taken = min(amount, balances.get((account, bucket), 0))
            if taken > 0:
                parts.append(Part(account, bucket, taken))
                amount -= taken
    return None if amount else parts


def pay_out(staked: Balances, viewer_id: int, amount: int) -> list[Part]:
    """Split a payout: up to the stake it goes back to the buckets it came from, restricted ones
    first; the rest is won."""
    parts: list[Part] = []
    for (account, bucket), points in sorted(
        staked.items(), key=lambda one: (-SPENDING_ORDER.index(one[0][1]), one[0][0])
    ):
        returned = min(amount, points)
        if returned > 0:
            parts.append(Part(account, bucket, returned))
            amount -= returned
    return [*parts, Part(viewer_id, "won", amount)] if amount else parts


def spendable(
    balances: Balances, accounts: Collection[int], buckets: Collection[Bucket] = SPENDING_ORDER
) -> int:
    """How much the accounts have in these buckets."""
    return sum(balances.get((account, bucket), 0) for account in accounts for bucket in buckets)


# -- earning --------------------------------------------------------------------------------------

Rate = tuple[datetime, int]
"""When a rate starts, and its points per hour."""


def rate_periods(rates: Sequence[Rate], until: datetime) -> list[tuple[datetime, datetime, int]]:
    """Start, end and points per hour of each rate that is not zero."""
    cuts = [*(valid_from for valid_from, _points in rates[1:]), until]
    return [
        (start, end, points)
        for (start, points), end in zip(rates, cuts, strict=False)
        if start < end and points
    ]
