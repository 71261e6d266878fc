"""Members of a guild and their roles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sandbox.discord import payloads, permissions
from sandbox.discord.errors import ApiError, Json, missing_permissions, unknown
from sandbox.discord.ids import utc_now
from sandbox.discord.models import Guild, Member, Role
from sandbox.discord.permissions import Permission

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord


def join(discord: FakeDiscord, guild: Guild, user_id: int) -> Member:
    """Add a member (no change for an existing one); for the bot this sends GUILD_CREATE."""
    if user_id in guild.members:
        return guild.members[user_id]
    if user_id in guild.bans:
        raise ApiError(403, 40007, "The user is banned from this guild")
    member = Member(user_id, guild.id, utc_now())
    guild.members[user_id] = member
    if user_id == discord.bot.id:
        member.roles = [r.id for r in guild.roles.values() if r.bot_id == user_id]
        created = payloads.guild_create(discord, guild, all_members=False)
        del created["unavailable"]  # absent means "newly joined"
        discord.dispatch_to_guild("GUILD_CREATE", created, guild.id)
    else:
        data = payloads.member(discord, member) | {"guild_id": str(guild.id)}
        discord.dispatch_to_guild("GUILD_MEMBER_ADD", data, guild.id)
    _publish(discord, guild, user_id)
    return member


def leave(discord: FakeDiscord, guild: Guild, user_id: int) -> None:
    discord.member(guild.id, user_id)
    if user_id == discord.bot.id:
        discord.dispatch_to_guild("GUILD_DELETE", {"id": str(guild.id)}, guild.id)
        del guild.members[user_id]
    else:
        del guild.members[user_id]
        data = {"guild_id": str(guild.id), "user": payloads.user(discord.user(user_id))}
        discord.dispatch_to_guild("GUILD_MEMBER_REMOVE", data, guild.id)
    _publish(discord, guild, user_id)


BAN, UNBAN = 22, 23
"""Actions in the audit log."""


def ban(discord: FakeDiscord, guild: Guild, user_id: int, reason: str | None = None) -> None:
    """Ban somebody, who need not be a member; a second time changes nothing."""
    if user_id in guild.bans:
        return
    guild.bans[user_id] = reason
    _log_ban(discord, guild, BAN, user_id, reason)
    _dispatch_ban(discord, guild, "GUILD_BAN_ADD", user_id)
    if user_id in guild.members:
        leave(discord, guild, user_id)


def unban(discord: FakeDiscord, guild: Guild, user_id: int) -> None:
    if user_id not in guild.bans:
        raise unknown("Ban")
    del guild.bans[user_id]
    _log_ban(discord, guild, UNBAN, user_id, None)
    _dispatch_ban(discord, guild, "GUILD_BAN_REMOVE", user_id)


def _log_ban(
    discord: FakeDiscord, guild: Guild, action: int, user_id: int, reason: str | None
) -> None:
    guild.ban_log.append((discord.ids.next(), action, user_id, reason))


def _dispatch_ban(discord: FakeDiscord, guild: Guild, event: str, user_id: int) -> None:
    """Only bots with Ban Members or View Audit Log get these events."""
    held = permissions.in_guild(guild, guild.members[discord.bot.id])
    if held & (Permission.BAN_MEMBERS | Permission.VIEW_AUDIT_LOG):
        data = {"guild_id": str(guild.id), "user": payloads.user(discord.user(user_id))}
        discord.dispatch_to_guild(event, data, guild.id)


def add_role(discord: FakeDiscord, guild: Guild, actor_id: int, user_id: int, role: Role) -> None:
    """Needs Manage Roles and a role below the actor's highest."""
    require_role_power(discord, guild, actor_id, role)
    member = discord.member(guild.id, user_id)
    if role.id not in member.roles:
        set_roles(discord, guild, member, [*member.roles, role.id])


def remove_role(
    discord: FakeDiscord, guild: Guild, actor_id: int, user_id: int, role: Role
) -> None:
    require_role_power(discord, guild, actor_id, role)
    member = discord.member(guild.id, user_id)
    if role.id in member.roles:
        set_roles(
            discord, guild, member, [role_id for role_id in member.roles if role_id != role.id]
        )


def require_role_power(discord: FakeDiscord, guild: Guild, actor_id: int, role: Role) -> None:
    discord.require_in_guild(guild, actor_id, Permission.MANAGE_ROLES)
    if role.managed or role.id == guild.id:
        raise ApiError(400, 50028, "Invalid Role")
    if not permissions.outranks_role(guild, guild.members[actor_id], role):
        raise missing_permissions()


def set_roles(discord: FakeDiscord, guild: Guild, member: Member, role_ids: Iterable[int]) -> None:
    wanted = list(dict.fromkeys(role_ids))
    for role_id in wanted:
        if role_id not in guild.roles:
            raise unknown("Role")
    member.roles = sorted(wanted)
    dispatch_update(discord, guild, member)


def set_nick(discord: FakeDiscord, guild: Guild, member: Member, nick: str | None) -> None:
    member.nick = nick or None
    dispatch_update(discord, guild, member)


def dispatch_update(discord: FakeDiscord, guild: Guild, member: Member) -> None:
    data: Json = payloads.member(discord, member) | {"guild_id": str(guild.id)}
    discord.dispatch_to_guild("GUILD_MEMBER_UPDATE", data, guild.id)
    _publish(discord, guild, member.user_id)


def _publish(discord: FakeDiscord, guild: Guild, user_id: int) -> None:
    discord.changes.publish("discord.member", guild_id=str(guild.id), user_id=str(user_id))
