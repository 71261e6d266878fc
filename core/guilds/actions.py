"""Actions on a guild, its settings and its permissions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.events import SettingChanged
from core.guilds import store
from core.guilds.records import AuditEntry, Guild, Permission
from core.guilds.settings import LANGUAGE, TIME_ZONE, require_fitting
from core.inbox import actions as inbox
from core.kit.database.connection import cache_of
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.guild_settings import GuildSetting, GuildSettings
from core.kit.rights import admins_only, require_giveable, require_group
from core.kit.runtime.log import name_guild
from core.kit.runtime.settings import Settings
from core.kit.seen_roles import obstacle_words
from core.kit.text.words import _

T = TypeVar("T")
S = TypeVar("S", bound=GuildSettings)


def join_guild(tx: Connection, guild_id: int, name: str) -> None:
    """Record that the bot is in this guild, under this name."""
    store.set_guild(tx, guild_id, name)
    name_guild(guild_id, name)


def name_of(work: Work) -> str:
    """The guild's name on Discord."""
    guild = work.find(Guild)
    return guild.name if guild else ""


# -- settings -------------------------------------------------------------------------------------


def setting(tx: Connection, guild_id: int, declared: GuildSetting[T]) -> T:
    """A guild's value of a setting. A guild's settings are read once in a transaction."""
    key = ("guild_settings", guild_id)
    if key not in cache_of(tx):
        cache_of(tx)[key] = store.list_held(tx, guild_id)
    stored = cache_of(tx)[key].get(declared.key)
    return declared.default if stored is None else cast("T", stored.value)


def load_settings(work: Work, kind: type[S]) -> S:
    """A feature's settings in this guild."""
    tx = work.tx
    return kind(
        **{name: setting(tx, work.guild_id, declared) for name, declared in kind.declared.items()}
    )


def change_setting(
    work: Work,
    declared: GuildSetting[T],
    value: T,
    *,
    audited: bool = True,
    checked: bool = True,
) -> bool:
    """Change a setting; False if it had this value already.

    Args:
        audited: False if this is part of an action with its own audit entry.
        checked: False if others in its group are also being changed, and checked afterwards.

    Raises:
        Refusal: the value does not fit.
        Forbidden: the actor may use neither the group `settings` nor the one of the setting's
            feature.
    """
    _require_right(work, declared)
    require_fitting(declared, value)
    if declared.of == "role" and value:
        require_for_viewers(work, cast("int", value))
    tx, guild_id = work.tx, work.guild_id
    before = _read_again(tx, guild_id, declared)
    store.set_setting(tx, guild_id, declared.key, value, work.actor)
    _drop_cache(tx, guild_id)
    if before == value:
        return False
    if checked:
        check_settings(work, [declared])
    if audited:
        audit(work, declared.key, before=before, after=value)
    publish_change(work, declared.key)
    return True


def check_settings(work: Work, changed: Iterable[GuildSetting[Any]]) -> None:
    """Raises Refusal if the settings of a group do not fit together now."""
    groups: dict[type[GuildSettings], list[str]] = {}
    for guild_setting in changed:
        if guild_setting.group is not None:
            groups.setdefault(guild_setting.group, []).append(guild_setting.key)
    for group, keys in groups.items():
        settings = load_settings(work, group)
        settings.check()
        for check in group.checks:
            check(work, settings, keys)


def publish_change(work: Work, key: str) -> None:
    """Notify features that a setting has a new value."""
    event = SettingChanged(key=str(uuid4()), guild_id=work.guild_id, at=work.now, setting=key)
    inbox.publish(work.tx, event)


def change_settings(work: Work, kind: type[GuildSettings], /, **values: Any) -> None:
    """Change some settings of a feature; None leaves a setting as it is. Raises Refusal if a value
    is out of bounds. Earlier ones may have been written: roll back."""
    wanted = {name: value for name, value in values.items() if value is not None}
    changed = [
        kind.declared[name]
        for name, value in wanted.items()
        if change_setting(work, kind.declared[name], value, checked=False)
    ]
    check_settings(work, changed)


def reset_setting(work: Work, settings: Settings, declared: GuildSetting[Any]) -> bool:
    """Use the value of the environment again, or else the default; False if no admin has set it."""
    _require_right(work, declared)
    tx, guild_id = work.tx, work.guild_id
    before = _read_again(tx, guild_id, declared)
    if not store.end_setting(tx, guild_id, declared.key, set_by_admin=True):
        return False
    if settings.discord_guild_id == guild_id:
        apply_environment(tx, settings, (declared,))
    _drop_cache(tx, guild_id)
    check_settings(work, [declared])
    after = setting(tx, guild_id, declared)
    audit(work, declared.key, "reset", before=before, after=after)
    publish_change(work, declared.key)
    return True


def _require_right(work: Work, declared: GuildSetting[Any]) -> None:
    require_group(work, "settings", declared.key.partition(".")[0])


def _read_again(tx: Connection, guild_id: int, declared: GuildSetting[T]) -> T:
    """The value, locked against other changes until the transaction ends."""
    store.lock_settings(tx, guild_id)
    _drop_cache(tx, guild_id)
    return setting(tx, guild_id, declared)


def _drop_cache(tx: Connection, guild_id: int) -> None:
    cache_of(tx).pop(("guild_settings", guild_id), None)


def apply_environment(
    tx: Connection, settings: Settings, declared: Iterable[GuildSetting[Any]]
) -> None:
    """Give DISCORD_GUILD_ID the values that the environment sets."""
    if settings.discord_guild_id is None:
        return
    guild_id = settings.discord_guild_id
    store.add_guild(tx, guild_id, f"server {guild_id}")
    for guild_setting in declared:
        if guild_setting.environment is None:
            continue
        value = getattr(settings, guild_setting.environment)
        if value is None:
            store.end_setting(tx, guild_id, guild_setting.key, set_by_admin=False)
        else:
            store.set_setting(tx, guild_id, guild_setting.key, value)


def language_of(work: Work) -> str:
    """The language of the guild's public posts, such as `en`."""
    return setting(work.tx, work.guild_id, LANGUAGE)


def time_zone_of(work: Work) -> ZoneInfo:
    """The time zone in which the guild's days, weeks and months begin."""
    return zone_named(setting(work.tx, work.guild_id, TIME_ZONE))


def zone_named(name: str) -> ZoneInfo:
    """The time zone with this name, or the default if it is no longer in the time zone data."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(TIME_ZONE.default)


# -- permissions ----------------------------------------------------------------------------------


Automatic = Callable[[Work], Mapping[int, str]]
"""The roles that a feature gives to viewers -> the command that ends that."""

_AUTOMATIC: list[Automatic] = []


def gives_roles(find: Automatic) -> Automatic:
    """Declare which roles a feature gives to viewers, so that none of them is granted a command
    group later. `require_for_viewers` checks the same when an admin makes a feature give a role."""
    _AUTOMATIC.append(find)
    return find


@admins_only
def grant(work: Work, group: str, role_id: int) -> bool:
    """Let members with this role use a command group; False if they can already. Raises Refusal
    for a role that everybody or only an app has, or that viewers get automatically."""
    seen = None if work.find_role is None else work.find_role(role_id)
    if seen is not None and seen.obstacle == "everyone":
        raise Refusal(
            _("Everyone has that role."), _("Choose a role that only your moderators have.")
        )
    if seen is not None and seen.obstacle in ("deleted", "managed"):
        raise Refusal(*obstacle_words(seen.obstacle))
    for find in _AUTOMATIC:
        if (ends_with := find(work).get(role_id)) is not None:
            raise Refusal(
                _("Viewers get that role automatically, so all of them could use these commands."),
                _("Choose a role that only your moderators have, or run {command} first.").format(
                    command=f"`{ends_with}`"
                ),
            )
    new = upsert(Permission).values(command_group=group, role_id=role_id)
    granted = work.execute(new.on_conflict_do_nothing().returning(Permission.role_id)).first()
    if granted is not None:
        audit(work, "guilds.grant", str(role_id), after=group)
    return granted is not None


@admins_only
def revoke(work: Work, group: str, role_id: int) -> bool:
    """Take a command group away from a role; False if the role does not have it."""
    same = (Permission.command_group == group, Permission.role_id == role_id)
    revoked = work.execute(delete(Permission).where(*same).returning(Permission.role_id)).first()
    if revoked is not None:
        audit(work, "guilds.revoke", str(role_id), before=group)
    return revoked is not None


def list_permissions(work: Work) -> dict[str, list[int]]:
    """Command group -> the roles that it was granted to."""
    found: dict[str, list[int]] = {}
    for permission in work.scalars(
        select(Permission).order_by(Permission.command_group, "role_id")
    ):
        found.setdefault(permission.command_group, []).append(permission.role_id)
    return found


def list_roles_with_groups(work: Work) -> frozenset[int]:
    """The roles whose members may use a command group."""
    return frozenset(work.scalars(select(Permission.role_id)))


def require_for_viewers(work: Work, role_id: int) -> None:
    """Raises Refusal for a role that viewers must not get automatically: it has permissions of
    moderators, on Discord or here, or the actor could not give it."""
    require_giveable(work, role_id)
    if role_id in list_roles_with_groups(work):
        raise Refusal(*obstacle_words("powers"))


def granted_still(work: Work, entries: Sequence[AuditEntry]) -> list[AuditEntry]:
    """The entries about permissions that are still granted."""
    held = list_permissions(work)
    return [entry for entry in entries if int(entry.target) in held.get(entry.after, ())]


def revoked_still(work: Work, entries: Sequence[AuditEntry]) -> list[AuditEntry]:
    """The entries about permissions that have not been granted again."""
    held = list_permissions(work)
    return [entry for entry in entries if int(entry.target) not in held.get(entry.before, ())]


def audit(
    work: Work, action: str, target: str = "", *, before: Any = None, after: Any = None
) -> None:
    """Record an action of the actor in the audit log.

    Args:
        target: what `/auditlog` shows: a name, a Discord id, or `viewer:` and a viewer id.
    """
    store.post_audit(
        work.tx, work.guild_id, work.actor, action, target, before, after, work.streamer
    )
