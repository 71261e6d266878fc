"""What a server's admin can set about earning tickets."""

from core.kit.feature import GuildSetting

MOST_RATE = 100_000
"""Tickets for one cause: so much that nobody wants more."""

PER_GIFT = GuildSetting(
    "raffle.tickets_per_gifted_sub",
    int,
    15,
    "Tickets for each gifted sub; a change counts for gifts from then on.",
    least=0,
    most=MOST_RATE,
)
PER_HOUR = GuildSetting(
    "raffle.tickets_per_hour",
    int,
    10,
    "Tickets for each hour watched; a change counts for time watched from then on.",
    least=0,
    most=MOST_RATE,
)

PER_THOUSAND = GuildSetting(
    "raffle.tickets_per_1000_wagered",
    int,
    20,
    "Tickets for each $1,000 wagered with a verified account; a change counts for wagers from then "
    "on.",
    least=0,
    most=MOST_RATE,
)

SETTINGS = (PER_GIFT, PER_HOUR, PER_THOUSAND)
