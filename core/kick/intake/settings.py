"""What a server's admin can set about being told by Kick."""

from core.kit.room import GuildSetting

DEAF_MINUTES = GuildSetting(
    "kick.deaf_minutes",
    int,
    5,
    "For how many minutes a live channel may be silent until admins are told; 0 for never.",
    least=0,
    most=120,
)
