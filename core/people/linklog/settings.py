"""What a server's admin can set about the link log."""

from core.kit.feature import GuildSetting

ENABLED = GuildSetting(
    "people.link_log",
    bool,
    False,
    "Whether everything that happens to links is told in the link log's channel.",
)
CHANNEL = GuildSetting(
    "people.link_log_channel",
    int,
    0,
    "The Discord channel of the link log; best one that only moderators see.",
    of="channel",
)

SETTINGS = (ENABLED, CHANNEL)
