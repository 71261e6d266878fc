"""A feature's settings, one line each: declared, typed, and read as one value.

    class RaffleSettings(GuildSettings, feature="raffle"):
        enabled: bool = switch("Run raffles.", default=True)

The line makes the setting `raffle.enabled` in `/settings` and in the documentation. Read all of
them with `core.guilds.actions.load_settings`, and show them with `core.kit.discord.ui.status_card`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    TypeVar,
    dataclass_transform,
    get_args,
)

if TYPE_CHECKING:
    from core.kit.database.work import Work

T = TypeVar("T")

Shape = Literal["", "channel", "role", "time_zone", "language"]
"""The meaning of a setting's value, if its type is not enough."""


@dataclass(frozen=True)
class GuildSetting(Generic[T]):
    """A setting that a server's admin can change; declared once, read through
    `guilds.actions.setting`, shown and changed with `/settings`.

    Attributes:
        key: feature first, such as `slot_calls.enabled`.
        kind: bool, int or str; snowflakes are int, and 0 is none.
        help: one sentence for the admin, which `/settings` and the documentation show.
        environment: the field of `Settings` with the value for DISCORD_GUILD_ID until an admin sets
            one.
        minimum: smallest allowed number; `maximum` is the largest.
        of: the meaning of the value, which determines how it is checked and shown.
        choices: the allowed words, if there are only a few.
        label: its name in the feature's status, such as `Cooldown`.
        heading: its heading on pages; see `GuildSettings`.
        group: the settings it is checked together with.
    """

    key: str
    kind: type[T]
    default: T
    help: str
    environment: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    of: Shape = ""
    choices: tuple[str, ...] = ()
    label: str = ""
    unit: str = ""
    heading: str = ""
    group: "type[GuildSettings] | None" = field(default=None, compare=False, repr=False)


def switch(help: str, *, default: bool, environment: str | None = None, label: str = "") -> Any:
    """A setting that is on or off."""
    return _setting(GuildSetting("", bool, default, help, environment, label=label))


def number(
    help: str, *, default: int, minimum: int, maximum: int, label: str = "", unit: str = ""
) -> Any:
    """A number within bounds."""
    return _setting(
        GuildSetting(
            "", int, default, help, minimum=minimum, maximum=maximum, label=label, unit=unit
        )
    )


def text(help: str, *, default: str = "", environment: str | None = None, label: str = "") -> Any:
    """Free text; empty while it is not set."""
    return _setting(GuildSetting("", str, default, help, environment, label=label))


def choice(help: str, values: Any, *, default: str, label: str = "") -> Any:
    """One of the values of a `Literal`."""
    return _setting(GuildSetting("", str, default, help, choices=get_args(values), label=label))


def channel(help: str, *, environment: str | None = None, label: str = "Channel") -> Any:
    """A Discord channel; 0 while none is chosen."""
    return _setting(GuildSetting("", int, 0, help, environment, of="channel", label=label))


def role(help: str, *, environment: str | None = None, label: str = "Role") -> Any:
    """A Discord role; 0 while none is chosen."""
    return _setting(GuildSetting("", int, 0, help, environment, of="role", label=label))


def _setting(declared: GuildSetting[Any]) -> Any:
    return field(default=declared.default, metadata={"declared": declared})


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(switch, number, text, choice, channel, role),
)
class GuildSettings:
    """Base of a feature's settings.

    Attributes:
        declared: each field's setting.
        headings: field -> the heading that starts there. Fields with the same heading are shown
            together.
        checks: called in addition when settings are changed: `check(work, settings, changed keys)`.
            They can read the database, and raise Refusal.
    """

    declared: ClassVar[dict[str, GuildSetting[Any]]]
    headings: ClassVar[Mapping[str, str]] = {}
    checks: "ClassVar[list[Callable[[Work, Any, Collection[str]], None]]]"

    def __init_subclass__(cls, *, feature: str) -> None:
        dataclass(frozen=True, kw_only=True)(cls)
        cls.checks = []
        cls.declared, heading = {}, ""
        for setting_field in fields(cls):  # type: ignore[arg-type]
            heading = cls.headings.get(setting_field.name, heading)
            cls.declared[setting_field.name] = replace(
                setting_field.metadata["declared"],
                key=f"{feature}.{setting_field.name}",
                heading=heading,
                group=cls,
            )

    def check(self) -> None:
        """Check that the values fit together; called whenever one of them is changed.

        Raises:
            Refusal: they do not, and nothing is changed.
        """
