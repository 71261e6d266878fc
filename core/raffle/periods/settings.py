"""What a server's admin can set about the calendar."""

from core.kit.feature import GuildSetting

ENABLED = GuildSetting(
    "raffle.enabled",
    bool,
    False,
    "Whether a raffle opens by itself each month, from the 1st to the 1st in the server's time "
    "zone; `/rafflestart` switches it on, `/raffleend` off.",
)
LOG_CHANNEL = GuildSetting(
    "raffle.log_channel",
    int,
    0,
    "The Discord channel in which changes by admins are shown (tickets given, taken or voided, "
    "dates); without one, the raffle's own channel.",
    of="channel",
)

SETTINGS = (ENABLED, LOG_CHANNEL)
