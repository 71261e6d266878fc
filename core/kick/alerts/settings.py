"""What an admin can set about the alarms."""

from core.kit.feature import GuildSetting

SELFTEST = GuildSetting(
    "kick.hourly_selftest",
    bool,
    False,
    "While the stream is live and no chat arrives, write a line in Kick's chat, at most once an "
    "hour, to find out whether chat still arrives.",
)
