"""What one can do with a server and its settings."""

from collections.abc import Iterable
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from core.guilds import store
from core.guilds.rules import require_fitting
from core.guilds.settings import LANGUAGE, TIME_ZONE
from core.kit.database import cache_of
from core.kit.feature import GuildSetting
from core.kit.guild_settings import GuildSettings
from core.kit.log import name_guild
from core.kit.settings import Settings
from core.kit.work import Work

T = TypeVar("T")
S = TypeVar("S", bound=GuildSettings)


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
    if key not in cache_of(tx):
        cache_of(tx)[key] = store.list_settings(tx, guild_id)
    values = cast("dict[str, Any]", cache_of(tx)[key])
    return cast("T", values.get(declared.key, declared.default))


def change_setting(
    tx: Connection,
    guild_id: int,
    declared: GuildSetting[T],
    value: T,
    actor: int,
    *,
    audit: bool = True,
) -> bool:
    """Set it and write it into the audit log, unless it is part of an action that has an entry of
    its own; False when it already had this value.

    Raises:
        Refusal: the value does not fit.
    """
    require_fitting(declared, value)
    before = _before_a_change(tx, guild_id, declared)
    store.set_setting(tx, guild_id, declared.key, value, actor)
    _forget_what_was_read(tx, guild_id)
    if before == value:
        return False
    if audit:
        store.post_audit(tx, guild_id, actor, declared.key, before=before, after=value)
    return True


def reset_setting(
    tx: Connection, settings: Settings, guild_id: int, declared: GuildSetting[T], actor: int
) -> bool:
    """Back to what the environment says, or else to the default; False when no admin has set it."""
    before = _before_a_change(tx, guild_id, declared)
    if not store.end_setting(tx, guild_id, declared.key):
        return False
    if settings.discord_guild_id == guild_id:
        apply_environment(tx, settings, (declared,))
    _forget_what_was_read(tx, guild_id)
    after = setting(tx, guild_id, declared)
    store.post_audit(tx, guild_id, actor, declared.key, "reset", before=before, after=after)
    return True


def _before_a_change(tx: Connection, guild_id: int, declared: GuildSetting[T]) -> T:
    store.lock_settings(tx, guild_id)
    _forget_what_was_read(tx, guild_id)
    return setting(tx, guild_id, declared)


def _forget_what_was_read(tx: Connection, guild_id: int) -> None:
    cache_of(tx).pop(("guild_settings", guild_id), None)


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


def grant(tx: Connection, guild_id: int, group: str, role_id: int, actor: int) -> bool:
    """Let members with this role use a command group; False when they can already."""
    granted = store.add_permission(tx, guild_id, group, role_id)
    if granted:
        store.post_audit(tx, guild_id, actor, "guilds.grant", str(role_id), after=group)
    return granted


def revoke(tx: Connection, guild_id: int, group: str, role_id: int, actor: int) -> bool:
    """Take a command group back from a role; False when the role does not have it."""
    revoked = store.end_permission(tx, guild_id, group, role_id)
    if revoked:
        store.post_audit(tx, guild_id, actor, "guilds.revoke", str(role_id), before=group)
    return revoked


# -- for features on `Work` -----------------------------------------------------------------------


def load_settings(work: Work, kind: type[S]) -> S:
    """A feature's settings in this guild."""
    return kind(
        **{name: setting(work.tx, work.guild_id, one) for name, one in kind.declared.items()}
    )


def change_settings(work: Work, kind: type[GuildSettings], /, **values: Any) -> None:
    """Change some settings of a feature; None leaves a setting as it is.

    Raises:
        Refusal: a value is out of bounds. Earlier ones may have been written: roll back.
    """
    for name, value in values.items():
        if value is not None:
            change_setting(work.tx, work.guild_id, kind.declared[name], value, work.actor)


def audit(
    work: Work, action: str, target: str = "", *, before: Any = None, after: Any = None
) -> None:
    """Record in the audit log what the actor did."""
    store.post_audit(work.tx, work.guild_id, work.actor, action, target, before, after)
