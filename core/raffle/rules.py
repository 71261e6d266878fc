"""What an admin can set about raffles."""

from core.kit.guild_settings import GuildSettings, channel, number, switch, text

MOST_RATE = 100_000
"""Tickets for one unit of anything."""


class RaffleSettings(GuildSettings, feature="raffle"):
    """What an admin can set."""

    enabled: bool = switch(
        "Whether a raffle opens by itself each month, from the 1st to the 1st in the server's time "
        "zone; `/rafflestart` switches it on, `/raffleend` off.",
        default=False,
    )
    log_channel: int = channel(
        "The Discord channel in which changes by admins are shown (tickets given, taken or voided, "
        "dates); without one, the raffle's own channel."
    )
    channel: int = channel(
        "The Discord channel for raffle news: opening, frozen list, winners.",
        environment="raffle_announcement_channel_id",
    )
    prize: str = text(
        "What can be won in the next raffle that opens, and in one that is open without a prize."
    )
    winners: int = number(
        "How many win in the next raffle that opens.", default=1, least=1, most=50
    )
    tickets_per_gifted_sub: int = number(
        "Tickets for each gifted sub; a change counts for gifts from then on.",
        default=15,
        least=0,
        most=MOST_RATE,
    )
    tickets_per_hour: int = number(
        "Tickets for each hour watched; a change counts for time watched from then on.",
        default=10,
        least=0,
        most=MOST_RATE,
    )
    tickets_per_1000_wagered: int = number(
        "Tickets for each $1,000 wagered with a verified account; a change counts for wagers from "
        "then on.",
        default=20,
        least=0,
        most=MOST_RATE,
    )
    auto_draw: bool = switch(
        "Whether a raffle that has ended is drawn by itself.",
        default=False,
        environment="raffle_auto_draw",
    )
    grace_minutes: int = number(
        "How long after the end late tickets are waited for before the list is frozen by itself.",
        default=15,
        least=0,
        most=1440,
    )
    claim_minutes: int = number(
        "How long a winner has to claim the prize before the next one is drawn.",
        default=2880,
        least=1,
        most=43_200,
    )
