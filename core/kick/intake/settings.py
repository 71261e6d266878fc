"""What a server's admin can set about missing events."""

from core.kit.feature import GuildSetting

NO_EVENTS_MINUTES = GuildSetting(
    "kick.no_events_minutes",
    int,
    5,
    "Minutes without chat from a live channel after which admins are alerted, if something shows "
    "that it is not just a quiet chat; 0 for never.",
    least=0,
    most=120,
)
