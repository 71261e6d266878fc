"""What one can do with a server and its settings."""

from collections.abc import Iterable
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from core.guilds import store
from core.guilds.rules import require_fitting
from core.guilds.settings import LANGUAGE, TIME_ZONE
from core.kit.database import notes
from core.kit.log import name_guild
from core.kit.room import GuildSetting
from core.kit.settings import Settings

T = TypeVar("T")


def welcome(tx: Connection, guild_id: int, name: str) -> None:
    """The bot is in this server."""
    store.set_guild(tx, guild_id, name)
    name_guild(guild_id, name)


def bid_farewell(tx: Connection, guild_id: int) -> None:
    """The bot was removed from this server."""
    store.end_guild(tx, guild_id)


def setting(tx: Connection, guild_id: int, declared: GuildSetting[T]) -> T:
    """The server's value of a setting. Read once a transaction and server."""
    key = ("guild_settings", guild_id)
    if key not in notes(tx):
        notes(tx)[key] = store.list_settings(tx, guild_id)
    values = cast("dict[str, Any]", notes(tx)[key])
    return cast("T", values.get(declared.key, declared.default))


def change_setting(
    tx: Connection, guild_id: int, declared: GuildSetting[T], value: T, actor: int
) -> bool:
    """Set it and write it into the audit log; False when it already had this value.

    Raises:
        Refusal: the value does not fit.
    """
    require_fitting(declared, value)
    store.lock_settings(tx, guild_id)
    notes(tx).pop(("guild_settings", guild_id), None)
    before = setting(tx, guild_id, declared)
    store.set_setting(tx, guild_id, declared.key, value, actor)
    notes(tx).pop(("guild_settings", guild_id), None)
    if before == value:
        return False
    store.post_audit(tx, guild_id, actor, declared.key, before=before, after=value)
    return True


def apply_environment(
    tx: Connection, settings: Settings, declared: Iterable[GuildSetting[Any]]
) -> None:
    """Give DISCORD_GUILD_ID what the environment sets for it."""
    if settings.discord_guild_id is None:
        return
    guild_id = settings.discord_guild_id
    store.add_guild(tx, guild_id, f"server {guild_id}")
    for one in declared:
        if one.environment is None:
            continue
        value = getattr(settings, one.environment)
        if value is None:
            store.end_setting_from_environment(tx, guild_id, one.key)
        else:
            store.set_setting_from_environment(tx, guild_id, one.key, value)


def language_of(tx: Connection, guild_id: int) -> str:
    """The language of the server's public posts, such as `en`."""
    return setting(tx, guild_id, LANGUAGE)


def time_zone_of(tx: Connection, guild_id: int) -> ZoneInfo:
    """Where the server's days, weeks and months begin."""
    name = setting(tx, guild_id, TIME_ZONE)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):  # it was one when it was set, in other tables
        return ZoneInfo(TIME_ZONE.default)
