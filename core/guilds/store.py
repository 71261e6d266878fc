"""Guilds, their channels and their stored settings, for code outside a `Work`."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds.records import AuditEntry, Guild, GuildChannel, Permission, StoredSetting
from core.kit.database.connection import cache_of, cached, notify_after_commit
from core.kit.database.records import table_of
from core.kit.database.work import ACROSS_GUILDS, note_change

_guilds = table_of(Guild)
_channels = table_of(GuildChannel)
_settings = table_of(StoredSetting)
_permissions = table_of(Permission)

# -- guilds ---------------------------------------------------------------------------------------


def set_guild(tx: Connection, guild_id: int, name: str) -> None:
    """The bot is in this guild."""
    tx.execute(
        upsert(_guilds)
        .values(guild_id=guild_id, name=name)
        .on_conflict_do_update(index_elements=["guild_id"], set_={"name": name, "left_at": None})
    )


def add_guild(tx: Connection, guild_id: int, name: str) -> None:
    """Store the guild if it is unknown; a known guild keeps its name."""
    tx.execute(upsert(_guilds).values(guild_id=guild_id, name=name).on_conflict_do_nothing())


def end_guild(tx: Connection, guild_id: int) -> None:
    """The bot was removed from the guild. Its data is kept."""
    _update_guild(tx, guild_id, left_at=func.now())


def set_contact(tx: Connection, guild_id: int, member_id: int) -> None:
    """Send alerts to this admin while no admin channel is set."""
    _update_guild(tx, guild_id, contact_id=member_id)


def _update_guild(tx: Connection, guild_id: int, **values: Any) -> None:
    tx.execute(update(_guilds).where(_guilds.c.guild_id == guild_id).values(**values))


def find_contact(tx: Connection, guild_id: int) -> int | None:
    """The admin who gets alerts while no admin channel is set."""
    return tx.scalar(select(_guilds.c.contact_id).where(_guilds.c.guild_id == guild_id))


_SET_REACHABLE = text("""
    UPDATE guilds SET reachable_at = :now WHERE guild_id = ANY(CAST(:guild_ids AS bigint[]))
""")


def set_reachable(tx: Connection, guild_ids: Collection[int], now: datetime) -> None:
    """The bot is connected to Discord, and members of these guilds can use it."""
    given = {"guild_ids": sorted(guild_ids), "now": now}
    tx.execute(_SET_REACHABLE, given, execution_options=ACROSS_GUILDS)


def list_names(tx: Connection) -> dict[int, str]:
    """Guild id -> name, of all guilds."""
    found = tx.execute(select(_guilds.c.guild_id, _guilds.c.name), execution_options=ACROSS_GUILDS)
    return {row.guild_id: row.name for row in found}


_PRESENT = select(_guilds.c.guild_id).where(_guilds.c.left_at.is_(None)).order_by("guild_id")


def list_present(tx: Connection) -> list[int]:
    """The guilds that the bot is in."""
    return list(tx.scalars(_PRESENT, execution_options=ACROSS_GUILDS))


# -- channels -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that a guild follows. `channel_id` is its owner's user id."""

    guild_id: int
    platform: str
    channel_id: int
    slug: str


_CHANNELS = select(_channels).order_by(_channels.c.guild_id)
_OF_PLATFORM = _CHANNELS.where(_channels.c.platform == bindparam("platform"))
_OF_GUILD = _CHANNELS.where(_channels.c.guild_id == bindparam("guild_id"))
_FOLLOWERS = _OF_PLATFORM.where(_channels.c.channel_id == bindparam("channel_id"))


CHANNEL_CHANGED = "guilds.channel"
"""Topic of notifications that the server `guild_id` follows another channel, or one more."""


def set_channel(tx: Connection, channel: Channel) -> bool:
    """Make a guild follow this channel instead of another one of the platform; True if anything
    changed.
    """
    new = {"channel_id": channel.channel_id, "slug": channel.slug}
    cache_of(tx).pop(("channels", channel.guild_id), None)
    changed = tx.execute(
        upsert(_channels)
        .values(asdict(channel))
        .on_conflict_do_update(
            constraint="guild_channels_one_a_platform",
            set_=new,
            where=or_(*(_channels.c[name] != value for name, value in new.items())),
        )
    )
    if changed.rowcount == 1:
        notify_after_commit(tx, CHANNEL_CHANGED, guild_id=str(channel.guild_id))
    return changed.rowcount == 1


def list_channels(tx: Connection, platform: str) -> list[Channel]:
    """Every followed channel of a platform, by guild."""
    found = tx.execute(_OF_PLATFORM, {"platform": platform}, execution_options=ACROSS_GUILDS)
    return [Channel(**row) for row in found.mappings()]


def find_channel(tx: Connection, guild_id: int, platform: str) -> Channel | None:
    """The channel that this guild follows. They are read once in a transaction."""

    def read() -> dict[str, Channel]:
        found = tx.execute(_OF_GUILD, {"guild_id": guild_id}).mappings()
        return {row["platform"]: Channel(**row) for row in found}

    return cached(tx, ("channels", guild_id), read).get(platform)


def list_guilds_of(tx: Connection, platform: str, channel_id: int) -> list[int]:
    """The guilds that follow a channel."""
    given = {"platform": platform, "channel_id": channel_id}
    return list(tx.scalars(_FOLLOWERS, given, execution_options=ACROSS_GUILDS))


# -- settings and permissions ---------------------------------------------------------------------

_LOCK_SETTINGS = text("SELECT pg_advisory_xact_lock(hashtextextended('guild_settings', :guild_id))")
_SETTINGS = select(_settings).where(_settings.c.guild_id == bindparam("guild_id"))


def lock_settings(tx: Connection, guild_id: int) -> None:
    """Change a guild's settings one at a time, so that the audit log has the right value before.
    No other lock may be taken afterwards."""
    tx.execute(_LOCK_SETTINGS, {"guild_id": guild_id})


def list_held(tx: Connection, guild_id: int) -> dict[str, Row[Any]]:
    """Key -> the row of `StoredSetting`."""
    return {row.key: row for row in tx.execute(_SETTINGS, {"guild_id": guild_id})}


def set_setting(
    tx: Connection, guild_id: int, key: str, value: Any, set_by: int | None = None
) -> None:
    """Store a value. The environment (`set_by` None) does not replace a value set by an admin."""
    new = {"value": value, "set_by": set_by}
    tx.execute(
        upsert(_settings)
        .values(guild_id=guild_id, key=key, **new)
        .on_conflict_do_update(
            constraint="guild_settings_one_value",
            set_=new if set_by is None else {**new, "set_at": func.now()},
            where=_settings.c.set_by.is_(None) if set_by is None else None,
        )
    )


def end_setting(tx: Connection, guild_id: int, key: str, *, set_by_admin: bool) -> bool:
    """Delete a value that an admin has set, or that came from the environment; False if there is
    no such value."""
    is_admins = _settings.c.set_by.is_not(None)
    ended = tx.execute(
        _settings.delete().where(
            _settings.c.guild_id == guild_id,
            _settings.c.key == key,
            is_admins if set_by_admin else ~is_admins,
        )
    )
    return ended.rowcount == 1


_GRANTED = (
    select(_permissions.c.command_group)
    .where(
        _permissions.c.guild_id == bindparam("guild_id"),
        _permissions.c.role_id.in_(bindparam("role_ids", expanding=True)),
    )
    .distinct()
)


def list_granted(tx: Connection, guild_id: int, role_ids: Collection[int]) -> frozenset[str]:
    """The command groups that were granted to any of these roles."""
    return frozenset(tx.scalars(_GRANTED, {"guild_id": guild_id, "role_ids": list(role_ids)}))


_POST_AUDIT = insert(table_of(AuditEntry))


def post_audit(
    tx: Connection,
    guild_id: int,
    actor: int,
    action: str,
    target: str = "",
    before: Any = None,
    after: Any = None,
    streamer_id: int | None = None,
) -> None:
    """See `core.guilds.actions.audit`."""
    entry = {"action": action, "target": target, "before": before, "after": after}
    entry |= {"actor": actor, "streamer_id": streamer_id}
    tx.execute(_POST_AUDIT, {"guild_id": guild_id, **entry})
    note_change(tx, guild_id, "guilds")
