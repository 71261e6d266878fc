"""What a server's admin can set about raffles."""

from core.kit.feature import GuildSetting

CHANNEL = GuildSetting(
    "raffle.channel",
    int,
    0,
    "The Discord channel for raffle news: opening, frozen list, winners.",
    environment="raffle_announcement_channel_id",
    of="channel",
)
LOG_CHANNEL = GuildSetting(
    "raffle.log_channel",
    int,
    0,
    "The Discord channel in which changes by admins are shown (tickets given, taken or voided, "
    "dates); without one, the raffle's own channel.",
    of="channel",
)

PRIZE = GuildSetting(
    "raffle.prize",
    str,
    "",
    "What can be won in the next raffle that opens, and in one that is open without a prize.",
)
WINNERS = GuildSetting(
    "raffle.winners", int, 1, "How many win in the next raffle that opens.", least=1, most=50
)
AUTO_DRAW = GuildSetting(
    "raffle.auto_draw",
    bool,
    False,
    "Whether a raffle that has ended is drawn by itself.",
    environment="raffle_auto_draw",
)
GRACE_MINUTES = GuildSetting(
    "raffle.grace_minutes",
    int,
    15,
    "How long after the end late tickets are waited for before the list is frozen by itself.",
    least=0,
    most=1440,
)
CLAIM_MINUTES = GuildSetting(
    "raffle.claim_minutes",
    int,
    2880,
    "How long a winner has to claim the prize before the next one is drawn.",
    least=1,
    most=43_200,
)

SETTINGS = (CHANNEL, LOG_CHANNEL, PRIZE, WINNERS, AUTO_DRAW, GRACE_MINUTES, CLAIM_MINUTES)
