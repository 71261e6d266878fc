"""What a server's admin can set about being told by Kick."""

from core.kit.feature import GuildSetting

DEAF_MINUTES = GuildSetting(
    "kick.deaf_minutes",
    int,
    5,
    "Minutes without chat from a live channel after which admins are told, if something shows that "
    "it is more than a quiet chat; 0 for never.",
    least=0,
    most=120,
)
