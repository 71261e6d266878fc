"""A feature's settings, one line each: declared, typed, and read as one value.

    class RaffleSettings(GuildSettings, feature="raffle"):
        enabled: bool = switch("Whether raffles are on.", default=True)

The line makes the setting `raffle.enabled` in `/settings` and in the documentation. Read all of
them with `core.guilds.actions.load_settings`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, dataclass_transform

from core.kit.feature import GuildSetting


def switch(help: str, *, default: bool) -> Any:
    """Something that is on or off."""
    return _setting(GuildSetting("", bool, default, help))


def number(help: str, *, default: int, least: int, most: int) -> Any:
    """A number within bounds."""
    return _setting(GuildSetting("", int, default, help, least=least, most=most))


def channel(help: str, *, environment: str | None = None) -> Any:
    """A Discord channel; 0 while none is chosen."""
    return _setting(GuildSetting("", int, 0, help, environment=environment, of="channel"))


def _setting(declared: GuildSetting[Any]) -> Any:
    return field(default=declared.default, metadata={"declared": declared})


@dataclass_transform(
    frozen_default=True, kw_only_default=True, field_specifiers=(switch, number, channel)
)
class GuildSettings:
    """Base of a feature's settings. `declared` maps each field to its setting."""

    declared: ClassVar[Mapping[str, GuildSetting[Any]]]

    def __init_subclass__(cls, *, feature: str) -> None:
        dataclass(frozen=True, kw_only=True)(cls)
        cls.declared = {
            one.name: replace(one.metadata["declared"], key=f"{feature}.{one.name}")
            for one in fields(cls)  # type: ignore[arg-type]
        }
