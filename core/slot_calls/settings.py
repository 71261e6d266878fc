"""What a server's admin can set about slot calls."""

from core.kit.feature import GuildSetting

ENABLED = GuildSetting(
    "slot_calls.enabled", bool, True, "Whether viewers can request slots in the stream's chat."
)
CHANNEL = GuildSetting(
    "slot_calls.channel",
    int,
    0,
    "The Discord channel where slot requests appear.",
    environment="slot_calls_channel_id",
    of="channel",
)
COOLDOWN = GuildSetting(
    "slot_calls.cooldown_seconds",
    int,
    30,
    "Seconds between two slot requests of one viewer.",
    least=0,
    most=3600,
)
MOST_OPEN = GuildSetting(
    "slot_calls.most_open",
    int,
    3,
    "How many open slot requests one viewer may have.",
    least=1,
    most=50,
)

SETTINGS = (ENABLED, CHANNEL, COOLDOWN, MOST_OPEN)
