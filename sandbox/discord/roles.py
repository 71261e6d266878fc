"""A guild's roles: create, change, move, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.discord import members, payloads
from sandbox.discord.models import Guild, Role

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord


def create(discord: FakeDiscord, guild: Guild, fields: Mapping[str, Any]) -> Role:
    """A new role at the bottom, just above @everyone; the others move up."""
    for other in guild.roles.values():
        if other.id != guild.id:
            other.position += 1
    role = Role(discord.ids.next(), guild.id, "new role", 1, guild.everyone.permissions)
    _apply(role, fields)
    guild.roles[role.id] = role
    _dispatch(discord, "GUILD_ROLE_CREATE", guild, role)
    return role


def update(discord: FakeDiscord, guild: Guild, role: Role, fields: Mapping[str, Any]) -> None:
    _apply(role, fields)
    _dispatch(discord, "GUILD_ROLE_UPDATE", guild, role)


def move(discord: FakeDiscord, guild: Guild, role: Role, position: int) -> None:
    """Put the role at a position (1 is the lowest) and renumber the others around it."""
    others = [r for r in guild.roles.values() if r.id not in (role.id, guild.id)]
    others.sort(key=lambda r: (r.position, -r.id))
    others.insert(max(0, position - 1), role)
    for place, other in enumerate(others, start=1):
        if other.position != place or other is role:
            other.position = place
            _dispatch(discord, "GUILD_ROLE_UPDATE", guild, other)


def delete(discord: FakeDiscord, guild: Guild, role: Role) -> None:
    """Remove it from the guild, from its members and from the channels' overwrites."""
    del guild.roles[role.id]
    for channel in guild.channels.values():
        channel.overwrites.pop(role.id, None)
    for member in guild.members.values():
        if role.id in member.roles:
            member.roles.remove(role.id)
            members.dispatch_update(discord, guild, member)
    data = {"guild_id": str(guild.id), "role_id": str(role.id)}
    discord.dispatch_to_guild("GUILD_ROLE_DELETE", data, guild.id)
    discord.changes.publish("discord.role", guild_id=str(guild.id), role_id=str(role.id))


def _apply(role: Role, fields: Mapping[str, Any]) -> None:
    if fields.get("name") is not None:
        role.name = str(fields["name"])
    if fields.get("permissions") is not None:
        role.permissions = int(fields["permissions"])
    color = (fields.get("colors") or {}).get("primary_color", fields.get("color"))
    if color is not None:
        role.color = int(color)
    for key in ("hoist", "mentionable"):
        if fields.get(key) is not None:
            setattr(role, key, bool(fields[key]))


def _dispatch(discord: FakeDiscord, event: str, guild: Guild, role: Role) -> None:
    data = {"guild_id": str(guild.id), "role": payloads.role(role)}
    discord.dispatch_to_guild(event, data, guild.id)
    discord.changes.publish("discord.role", guild_id=str(guild.id), role_id=str(role.id))
