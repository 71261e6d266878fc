"""What one can do with a server and its settings."""

from collections.abc import Iterable
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from core.guilds import store
from core.kit.database import notes
from core.kit.errors import Refusal
from core.kit.log import name_guild
from core.kit.room import GuildSetting
from core.kit.settings import Settings
from core.kit.words import _

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
        Refusal: the number is out of bounds.
    """
    _check_bounds(declared, value)
    before = setting(tx, guild_id, declared)
    store.set_setting(tx, guild_id, declared.key, value, actor)
    notes(tx).pop(("guild_settings", guild_id), None)
    if before == value:
        return False
    store.post_audit(tx, guild_id, actor, declared.key, before=before, after=value)
    return True


def _check_bounds(declared: GuildSetting[T], value: T) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        return
    if declared.least is not None and value < declared.least:
        raise Refusal(_("That is too small. The least is {least}.").format(least=declared.least))
    if declared.most is not None and value > declared.most:
        raise Refusal(_("That is too much. The most is {most}.").format(most=declared.most))


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


LANGUAGE = GuildSetting("guilds.language", str, "en", "Language of public posts.")


def language_of(tx: Connection, guild_id: int) -> str:
    """The language of the server's public posts, such as `en`."""
    return setting(tx, guild_id, LANGUAGE)
