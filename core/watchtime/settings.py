"""What a server's admin can set about watchtime."""

from core.kit.feature import GuildSetting

ENABLED = GuildSetting("watchtime.enabled", bool, True, "Whether chatting earns watchtime.")

WINDOW_MINUTES = GuildSetting(
    "watchtime.window_minutes",
    int,
    10,
    "For how many minutes after each chat message a viewer counts as watching.",
    least=1,
    most=60,
)

DAILY_LIMIT_MINUTES = GuildSetting(
    "watchtime.daily_limit_minutes",
    int,
    0,
    "How many minutes of each calendar day count for one viewer, in the server's time zone: the "
    "first ones. 0 for all of them. A change holds from that moment on; nothing is taken away.",
    least=0,
    most=1440,
)

SETTINGS = (ENABLED, WINDOW_MINUTES, DAILY_LIMIT_MINUTES)
