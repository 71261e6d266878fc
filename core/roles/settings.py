"""What a server's admin can set about roles."""

from core.kit.feature import GuildSetting

MODE = GuildSetting(
    "roles.mode",
    str,
    "stack",
    "Whether a viewer keeps every role that is reached (stack) or only the one with the most "
    "minutes (highest).",
    choices=("stack", "highest"),
)
CONGRATULATE = GuildSetting(
    "roles.congratulate",
    str,
    "off",
    "Where a viewer who reaches a role is congratulated: not at all (off), in a direct message "
    "(dm) or in a channel (channel). Not for the roles that a new rule gives to many at once.",
    choices=("off", "dm", "channel"),
)
CHANNEL = GuildSetting(
    "roles.channel",
    int,
    0,
    "The Discord channel for congratulations, where they are given in a channel.",
    of="channel",
)
TAKE_MANUAL = GuildSetting(
    "roles.take_manual",
    bool,
    False,
    "Whether a reward role is also taken from members who did not earn it and were given it by "
    "hand.",
)

SETTINGS = (MODE, CONGRATULATE, CHANNEL, TAKE_MANUAL)
