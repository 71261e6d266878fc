"""Which roles the bot can assign to viewers automatically, and which it must not.

Every role that a feature gives is checked when an admin chooses it (`require_giveable` of
`core/kit/rights.py`, in the action), and again when it is given, because it may have gained
permissions in the meantime: in `core/roles/reconcile.py` and, for all features, in
`core/outbox/discord_transport.py`.
"""

import discord

from core.kit.seen_roles import NEVER, SeenRole, obstacle_of

_POWERS = discord.Permissions.elevated() | discord.Permissions(
    mention_everyone=True,
    mute_members=True,
    deafen_members=True,
    move_members=True,
    manage_nicknames=True,
    manage_events=True,
    view_audit_log=True,
)


def has_powers(permissions: discord.Permissions) -> bool:
    """Whether these include moderator permissions."""
    return bool((permissions & _POWERS).value)


def see_role(guild: discord.Guild, role_id: int, chooser: object = None) -> SeenRole:
    """A role with the rights of the bot and, if it is a member, of `chooser`."""
    role, me = guild.get_role(role_id), guild.me
    if role is None:
        return SeenRole("deleted")
    obstacle = obstacle_of(
        everyone=role.is_default(),
        managed=role.managed,
        powers=has_powers(role.permissions),
        may_manage=me.guild_permissions.manage_roles,
        above=role >= me.top_role and guild.owner_id != me.id,
    )
    if not isinstance(chooser, discord.Member) or chooser.id == guild.owner_id:
        return SeenRole(obstacle)
    return SeenRole(obstacle, is_theirs=not role >= chooser.top_role)


def list_for_viewers(guild: discord.Guild) -> list[discord.Role]:
    """The roles that can be given to viewers, from highest to lowest."""
    return [r for r in reversed(guild.roles) if see_role(guild, r.id).obstacle not in NEVER]
