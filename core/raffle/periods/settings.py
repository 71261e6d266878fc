"""What a server's admin can set about the calendar."""

from core.kit.feature import GuildSetting

ENABLED = GuildSetting(
    "raffle.enabled",
    bool,
    False,
    "Whether a raffle opens by itself each month, from the 1st to the 1st in the server's time "
    "zone; `/rafflestart` switches it on, `/raffleend` off.",
)

SETTINGS = (ENABLED,)
