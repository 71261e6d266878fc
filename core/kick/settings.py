"""What a server's admin can set about Kick."""

from core.kit.feature import GuildSetting

ADMIN_CHANNEL = GuildSetting(
    "kick.admin_channel",
    int,
    0,
    "Discord channel for alerts about Kick; without one, they go to whoever connected the account "
    "or chose the channel.",
    of="channel",
)
