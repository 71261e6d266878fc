"""Settings, spending order of points, and points for watchtime. Pure."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from core.kit.guild_settings import GuildSettings, choice, number, switch, text

NAMES = ("points",)
"""Default names of the chat command."""

MAX_POINTS = 10**12
"""Maximum points per transfer."""

MAX_RATE = 1_000_000

MAX_REASON_LENGTH = 200

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
        "Viewers can earn and spend points.",
        default=False,
        label="Points",
    )
    name: str = text("Name of a single point.", default="point", label="Singular")
    plural: str = text("Name of more than one point.", default="points", label="Plural")
    symbol: str = text("Emoji or letters shown before amounts.", default="🪙", label="Symbol")
    provider: ProviderName = choice(
        "Where points are stored: in this bot, or at StreamElements.",
        ProviderName,
        default="own",
        label="Stored at",
    )
    per_hour: int = _rate(
        "Points for each hour watched; a change applies to new watchtime only.",
        "Per hour watched",
        60,
    )
    per_subscription: int = _rate(
        "Points for a new or renewed subscription.", "Per subscription", 500
    )
    per_gifted_sub: int = _rate("Points for gifting a sub, for each one.", "Per gifted sub", 500)
    per_100_kicks: int = _rate(
        "Points for 100 Kicks on Kick; smaller amounts earn a share.", "Per 100 Kicks", 100
    )
    per_100_bits: int = _rate(
        "Points for 100 bits on Twitch; smaller amounts earn a share.", "Per 100 bits", 100
    )
    per_raid: int = _rate("Points for raiding the channel on Twitch.", "Per raid", 500)
    raid_viewers: int = number(
        "Raids with fewer viewers earn no points.",
        default=2,
        minimum=1,
        maximum=100_000,
        label="Smallest raid",
        unit="viewers",
    )
    gifts: bool = switch(
        "Viewers can give points to each other (`!give`).",
        default=True,
        label="Gifts between viewers",
    )
    gift_hours: int = number(
        "Hours the giver and receiver must have watched, unless both have linked an account. "
        "This prevents farming with alt accounts.",
        default=10,
        minimum=0,
        maximum=10_000,
        label="Watchtime before gifts",
        unit="h",
    )
    gift_daily: int = number(
        "How many points a viewer can give away per day.",
        default=10_000,
        minimum=0,
        maximum=10**9,
        label="Points given per day",
    )
    gift_cooldown: int = number(
        "Seconds a viewer has to wait between gifts.",
        default=30,
        minimum=0,
        maximum=86_400,
        label="Gift cooldown",
        unit="s",
    )
    public_page: bool = switch(
        "Show the points leaderboard on a public web page.",
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
"""Restricted points are spent last."""


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
    """Split a payout: up to the stake, points return to the buckets they came from, restricted ones
    first; the rest counts as won."""
    parts: list[Part] = []
    for (account, bucket), points in sorted(
        staked.items(), key=lambda item: (-SPENDING_ORDER.index(item[0][1]), item[0][0])
    ):
        returned = min(amount, points)
        if returned > 0:
            parts.append(Part(account, bucket, returned))
            amount -= returned
    return [*parts, Part(viewer_id, "won", amount)] if amount else parts


def spendable(
    balances: Balances, accounts: Collection[int], buckets: Collection[Bucket] = SPENDING_ORDER
) -> int:
    """The sum of the accounts' points in these buckets."""
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
