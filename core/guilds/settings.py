"""Settings of the server itself, and checks whether a value is valid for a setting."""

from typing import Any

from core.guilds import zones
from core.kit.errors import Refusal
from core.kit.guild_settings import GuildSetting
from core.kit.text.words import SOURCE_LANGUAGE, _, languages

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
    "Discord channel for alerts to admins; without one, they go by direct message to whoever "
    "connected the account or chose the channel.",
    of="channel",
)
"""Declared here, because every feature alerts admins; listed among the settings of Kick."""

SETTINGS = (LANGUAGE, TIME_ZONE)


def choices_of(declared: GuildSetting[Any]) -> tuple[str, ...]:
    """The allowed words, if there are only a few; else nothing."""
    return languages() if declared.of == "language" else declared.choices


def require_fitting(declared: GuildSetting[Any], value: Any) -> None:
    """Raises Refusal, which names the allowed values, if a value is invalid."""
    if isinstance(value, int) and not isinstance(value, bool):
        _require_bounds(declared, value)
    elif declared.of == "time_zone":
        _require_zone(value)
    elif (choices := choices_of(declared)) and value not in choices:
        raise Refusal(
            _("That is not one of the choices"),
            _("Choose one of these: {choices}.").format(choices=_code(choices)),
        )


def _require_bounds(declared: GuildSetting[Any], value: int) -> None:
    if declared.minimum is not None and value < declared.minimum:
        raise Refusal(_("That is too low. Minimum: {minimum}.").format(minimum=declared.minimum))
    if declared.maximum is not None and value > declared.maximum:
        raise Refusal(_("That is too high. Maximum: {maximum}.").format(maximum=declared.maximum))


def _require_zone(value: str) -> None:
    if value in zones.names():
        return
    near = zones.near(value)
    raise Refusal(
        _("I don't know that time zone"),
        _("Did you mean {near}?").format(near=_code(near))
        if near
        else _("Enter a large city in it, such as `Europe/Stockholm` or `New York`."),
    )


def _code(words: "list[str] | tuple[str, ...]") -> str:
    return ", ".join(f"`{word}`" for word in words)
