"""What a server's admin can set about Kick."""

from core.kit.feature import GuildSetting

ADMIN_CHANNEL = GuildSetting(
    "kick.admin_channel",
    int,
    0,
    "Discord channel in which admins are told about trouble with Kick; without one, whoever "
    "connected the account, or else chose the channel, is told.",
    of="channel",
)
