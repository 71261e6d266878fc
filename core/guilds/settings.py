"""What a server's admin can set about the server itself."""

from typing import Any

from core.kit.feature import GuildSetting
from core.kit.words import SOURCE_LANGUAGE, languages

LANGUAGE = GuildSetting(
    "guilds.language", str, SOURCE_LANGUAGE, "Language of public posts.", of="language"
)
TIME_ZONE = GuildSetting(
    "guilds.time_zone",
    str,
    "UTC",
    "Time zone in which days, weeks and months begin, such as `Europe/Stockholm`.",
    of="time_zone",
)
ADMIN_CHANNEL = GuildSetting(
    "kick.admin_channel",
    int,
    0,
    "Discord channel for alerts about Kick; without one, they go to whoever connected the account "
    "or chose the channel.",
    of="channel",
)
"""Declared here, because every feature alerts admins; listed among the settings of Kick."""

SETTINGS = (LANGUAGE, TIME_ZONE)


def choices_of(declared: GuildSetting[Any]) -> tuple[str, ...]:
    """All that may be chosen, where that is a handful of words; else nothing."""
    return languages() if declared.of == "language" else declared.choices
