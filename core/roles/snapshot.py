"""What the bot sees of a server, as plain values: who holds which of the rewards' roles.

Read on the bot's event loop, where alone it may be read, in slices, so that a server of ten
thousand members holds up nobody else.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from core.roles.rules import Role, obstacle_of
from core.roles.updates import Seen

if TYPE_CHECKING:
    import discord

SLICE = 500
"""Members between two breaths; about two milliseconds."""

_GONE = Role("", "deleted")


async def see(
    guild: "discord.Guild", role_ids: Sequence[int], only: Collection[int] | None = None
) -> Seen:
    """What these roles are and who holds them: everybody, or only these members."""
    roles = {role_id: role_of(guild, role_id) for role_id in role_ids}
    if only is not None:
        return Seen(roles, {who: held_by(guild.get_member(who), role_ids) for who in only}, False)
    held: dict[int, frozenset[int] | None] = {}
    for count, member in enumerate(list(guild.members), start=1):
        if not member.bot:
            held[member.id] = held_by(member, role_ids)
        if count % SLICE == 0:
            await asyncio.sleep(0)
    return Seen(roles, held, True)


def held_by(member: "discord.Member | None", role_ids: Sequence[int]) -> frozenset[int] | None:
    """Which of these roles a member holds; None for who is not in the server."""
    if member is None or member.bot:
        return None
    return frozenset(role_id for role_id in role_ids if member.get_role(role_id) is not None)


def role_of(guild: "discord.Guild", role_id: int) -> Role:
    """The role, and what keeps the bot from giving it."""
    role, me = guild.get_role(role_id), guild.me
    if role is None:
        return _GONE
    obstacle = obstacle_of(
        everyone=role.is_default(),
        managed=role.managed,
        may_manage=me.guild_permissions.manage_roles,
        above=role >= me.top_role and guild.owner_id != me.id,
    )
    powers = role.permissions & role.permissions.elevated()
    return Role(role.name, obstacle, bool(powers.value))
