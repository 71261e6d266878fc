"""The statements about servers."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds.tables import audit_log, channels, guilds, permissions, settings


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that streams for a server. `channel_id` is its owner's user id."""

    guild_id: int
    platform: str
    channel_id: int
    slug: str


@dataclass(frozen=True, slots=True)
class Held:
    """The value of a setting that is not its default. `set_by` is None when the environment says
    so."""

    value: Any
    set_by: int | None
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a server's audit log. `actor` is the Discord id of who did it."""

    at: datetime
    actor: int
    action: str
    target: str
    before: Any
    after: Any


def set_guild(tx: Connection, guild_id: int, name: str) -> None:
    """The bot is in this server, which is called so today."""
    tx.execute(
        upsert(guilds)
        .values(guild_id=guild_id, name=name)
        .on_conflict_do_update(index_elements=["guild_id"], set_={"name": name, "left_at": None})
    )


def add_guild(tx: Connection, guild_id: int, name: str) -> None:
    """Make sure the server is known; an already known name stays."""
    tx.execute(
        upsert(guilds)
        .values(guild_id=guild_id, name=name)
        .on_conflict_do_nothing(index_elements=["guild_id"])
    )


def end_guild(tx: Connection, guild_id: int) -> None:
    """The bot was removed from the server; what it knows stays."""
    tx.execute(update(guilds).where(guilds.c.guild_id == guild_id).values(left_at=func.now()))


def set_contact(tx: Connection, guild_id: int, member_id: int) -> None:
    """Send alerts to this admin while no admin channel is set."""
    tx.execute(update(guilds).where(guilds.c.guild_id == guild_id).values(contact_id=member_id))


def find_contact(tx: Connection, guild_id: int) -> int | None:
    """The admin who gets alerts while no admin channel is set."""
    return tx.execute(
        select(guilds.c.contact_id).where(guilds.c.guild_id == guild_id)
    ).scalar_one_or_none()


_SET_REACHABLE = text("""
    UPDATE guilds SET reachable_at = :now WHERE guild_id = ANY(CAST(:guild_ids AS bigint[]))
""")


def set_reachable(tx: Connection, guild_ids: Collection[int], now: datetime) -> None:
    """The bot is connected to Discord, and members of these servers can use it."""
    tx.execute(_SET_REACHABLE, {"guild_ids": sorted(guild_ids), "now": now})


def list_names(tx: Connection) -> dict[int, str]:
    """Server id -> name."""
    return {row.guild_id: row.name for row in tx.execute(select(guilds.c.guild_id, guilds.c.name))}


def list_present(tx: Connection) -> list[int]:
    """The servers that the bot is in, in order."""
    found = select(guilds.c.guild_id).where(guilds.c.left_at.is_(None)).order_by(guilds.c.guild_id)
    return list(tx.execute(found).scalars())


def set_channel(tx: Connection, channel: Channel) -> bool:
    """Tie a channel to a server, in the place of the platform's former one; True if that changed
    anything."""
    values = {"channel_id": channel.channel_id, "slug": channel.slug}
    changed = tx.execute(
        upsert(channels)
        .values(guild_id=channel.guild_id, platform=channel.platform, **values)
        .on_conflict_do_update(
            constraint="guild_channels_one_a_platform",
            set_=values,
            where=(channels.c.channel_id != channel.channel_id) | (channels.c.slug != channel.slug),
        )
    )
    return changed.rowcount == 1


def list_channels(tx: Connection, platform: str) -> list[Channel]:
    """Every tied channel of a platform, by server."""
    found = tx.execute(
        select(channels).where(channels.c.platform == platform).order_by(channels.c.guild_id)
    )
    return [Channel(**row) for row in found.mappings()]


def find_channel(tx: Connection, guild_id: int, platform: str) -> Channel | None:
    """The channel that streams for this server."""
    row = (
        tx.execute(
            select(channels).where(channels.c.guild_id == guild_id, channels.c.platform == platform)
        )
        .mappings()
        .first()
    )
    return Channel(**row) if row else None


def list_guilds_of(tx: Connection, platform: str, channel_id: int) -> list[int]:
    """The servers that a channel streams for."""
    return list(
        tx.execute(
            select(channels.c.guild_id)
            .where(channels.c.platform == platform, channels.c.channel_id == channel_id)
            .order_by(channels.c.guild_id)
        ).scalars()
    )


def lock_settings(tx: Connection, guild_id: int) -> None:
    """One change of a server's settings at a time, so that the record of it tells what was before.
    Nothing else is locked under this lock."""
    tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('guild_settings', :guild_id))"),
        {"guild_id": guild_id},
    )


def list_settings(tx: Connection, guild_id: int) -> dict[str, Any]:
    """Key -> value, for what has been set."""
    found = tx.execute(
        select(settings.c.key, settings.c.value).where(settings.c.guild_id == guild_id)
    )
    return {row.key: row.value for row in found}


def list_held(tx: Connection, guild_id: int) -> dict[str, Held]:
    """Key -> value and whose it is, for what has been set."""
    found = tx.execute(
        select(settings.c.key, settings.c.value, settings.c.set_by, settings.c.set_at).where(
            settings.c.guild_id == guild_id
        )
    )
    return {row.key: Held(row.value, row.set_by, row.set_at) for row in found}


def set_setting(tx: Connection, guild_id: int, key: str, value: Any, set_by: int) -> None:
    """An admin has set it."""
    tx.execute(
        upsert(settings)
        .values(guild_id=guild_id, key=key, value=value, set_by=set_by)
        .on_conflict_do_update(
            constraint="guild_settings_one_value",
            set_={"value": value, "set_by": set_by, "set_at": func.now()},
        )
    )


def end_setting(tx: Connection, guild_id: int, key: str) -> bool:
    """Forget what an admin has set; False when no admin has set it."""
    ended = tx.execute(
        delete(settings).where(
            settings.c.guild_id == guild_id,
            settings.c.key == key,
            settings.c.set_by.is_not(None),
        )
    )
    return ended.rowcount == 1


def set_setting_from_environment(tx: Connection, guild_id: int, key: str, value: Any) -> None:
    """The environment says so; what an admin has set stands above it."""
    tx.execute(
        upsert(settings)
        .values(guild_id=guild_id, key=key, value=value)
        .on_conflict_do_update(
            constraint="guild_settings_one_value",
            set_={"value": value},
            where=settings.c.set_by.is_(None),
        )
    )


def end_setting_from_environment(tx: Connection, guild_id: int, key: str) -> None:
    """The environment says it no more."""
    tx.execute(
        delete(settings).where(
            settings.c.guild_id == guild_id,
            settings.c.key == key,
            settings.c.set_by.is_(None),
        )
    )


def add_permission(tx: Connection, guild_id: int, group: str, role_id: int) -> bool:
    """Grant a command group to a role; False when the role has it already."""
    added = tx.execute(
        upsert(permissions)
        .values(guild_id=guild_id, command_group=group, role_id=role_id)
        .on_conflict_do_nothing(constraint="guild_permissions_once")
    )
    return added.rowcount == 1


def end_permission(tx: Connection, guild_id: int, group: str, role_id: int) -> bool:
    """Revoke a command group from a role; False when the role does not have it."""
    ended = tx.execute(
        delete(permissions).where(
            permissions.c.guild_id == guild_id,
            permissions.c.command_group == group,
            permissions.c.role_id == role_id,
        )
    )
    return ended.rowcount == 1


def list_permissions(tx: Connection, guild_id: int) -> dict[str, list[int]]:
    """Command group -> the roles that it was granted to."""
    found: dict[str, list[int]] = {}
    rows = tx.execute(
        select(permissions.c.command_group, permissions.c.role_id)
        .where(permissions.c.guild_id == guild_id)
        .order_by(permissions.c.command_group, permissions.c.role_id)
    )
    for row in rows:
        found.setdefault(row.command_group, []).append(row.role_id)
    return found


def list_granted(tx: Connection, guild_id: int, role_ids: Collection[int]) -> frozenset[str]:
    """The command groups that were granted to any of these roles."""
    found = tx.execute(
        select(permissions.c.command_group)
        .where(permissions.c.guild_id == guild_id, permissions.c.role_id.in_(role_ids))
        .distinct()
    )
    return frozenset(found.scalars())


def post_audit(
    tx: Connection,
    guild_id: int,
    actor: int,
    action: str,
    target: str = "",
    before: Any = None,
    after: Any = None,
) -> None:
    """Write into the server's audit log who did what. `target` is what `/auditlog` shows: a name, a
    Discord id, or `viewer:` and a viewer's id."""
    tx.execute(
        insert(audit_log).values(
            guild_id=guild_id,
            actor=actor,
            action=action,
            target=target,
            before=before,
            after=after,
        )
    )


def list_audit(tx: Connection, guild_id: int, count: int, skip: int = 0) -> list[Entry]:
    """The audit log, newest first; so many entries after so many others."""
    columns = [audit_log.c[field.name] for field in fields(Entry)]
    found = tx.execute(
        select(*columns)
        .where(audit_log.c.guild_id == guild_id)
        .order_by(audit_log.c.id.desc())
        .limit(count)
        .offset(skip)
    )
    return [Entry(**row) for row in found.mappings()]


def count_audit(tx: Connection, guild_id: int) -> int:
    """How many entries the audit log has."""
    return tx.execute(
        select(func.count()).select_from(audit_log).where(audit_log.c.guild_id == guild_id)
    ).scalar_one()
