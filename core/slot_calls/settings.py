"""What a server's admin can set about slot calls."""

from core.kit.room import GuildSetting

ENABLED = GuildSetting(
    "slot_calls.enabled", bool, True, "Whether viewers can call slots in the stream's chat."
)
CHANNEL = GuildSetting(
    "slot_calls.channel",
    int,
    0,
    "The Discord channel where calls appear.",
    environment="slot_calls_channel_id",
    of="channel",
)
COOLDOWN = GuildSetting(
    "slot_calls.cooldown_seconds",
    int,
    30,
    "Seconds between two calls of one viewer.",
    least=0,
    most=3600,
)
MOST_OPEN = GuildSetting(
    "slot_calls.most_open",
    int,
    3,
    "How many calls of one viewer may be on the list at the same time.",
    least=1,
    most=50,
)

SETTINGS = (ENABLED, CHANNEL, COOLDOWN, MOST_OPEN)
