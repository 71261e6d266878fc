"""Who may use which commands and buttons.

A command that needs a permission belongs to the group of its package (`core.raffle` is `raffle`),
and so do the buttons of that package. It can be used by members with the permission, and by members
with a role granted the group via `/permissions`. Every use is checked, so removing a role or a
grant takes effect immediately, even for buttons on old posts.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import discord
from discord.ext import commands

from core.kit.discord.arguments import skip_fallback
from core.kit.discord.ui import (
    is_for_servers,
    is_private,
    missing_permissions,
    needed_permissions,
    permission_names,
    refusal_card,
    reply_privately,
    services_of,
)
from core.kit.errors import Outage, Refusal
from core.kit.rights import Action, is_for_admins
from core.kit.text.words import _, package_title

Command = commands.Command[Any, ..., Any]
Source = discord.Interaction | commands.Context[Any]


def rights_of(action: Action) -> dict[str, Any]:
    """`extras` of a command that requires the rights of this action, including its subcommands."""
    return {"admins_only": is_for_admins(action)}


ANY_GROUP = {"any_group": True}
"""`extras` of a command for members who were granted any group: its action checks which one."""


def any_of(*groups: str) -> dict[str, Any]:
    """`extras` of a command for members who were granted one of these groups."""
    return {"groups": groups}


def group_of(module: str) -> str:
    """The group of a module: `core.slot_calls.discord` -> `slot_calls`."""
    return module.split(".")[1]


def group_of_command(command: Command) -> str:
    return group_of(command.callback.__module__)


def is_grantable(command: Command) -> bool:
    """Whether the command needs a permission that `/permissions` can stand in for."""
    admins_only = any(
        part.extras.get("admins_only") for part in (command, command.root_parent or command)
    )
    return bool(needed_permissions(command).value) and not admins_only


def grantable_groups(known: Iterable[Command]) -> dict[str, list[Command]]:
    """Group -> its commands that need a permission, in alphabetical order."""
    found: dict[str, list[Command]] = defaultdict(list)
    for command in sorted(known, key=lambda command: command.qualified_name):
        if is_grantable(command):
            found[group_of_command(command)].append(command)
    return dict(sorted(found.items()))


def slash_names(known: Iterable[Command]) -> dict[str, list[str]]:
    """Group -> its commands that need a permission as Discord lists them, without subcommands."""
    return {
        group: list(dict.fromkeys(f"/{(command.root_parent or command).name}" for command in found))
        for group, found in grantable_groups(known).items()
    }


async def granted_groups(source: Source) -> frozenset[str]:
    """The groups granted to any role of this person."""
    who = source.user if isinstance(source, discord.Interaction) else source.author
    if source.guild is None or not isinstance(who, discord.Member):
        return frozenset()
    services, role_ids = services_of(source), [role.id for role in who.roles]
    return await services.database.run(services.granted, source.guild.id, role_ids)


async def may_manage(source: Source, module: str) -> bool:
    """Whether this person has admin rights in this module's package."""
    if source.guild is not None and source.permissions.manage_guild:
        return True
    return group_of(module) in await granted_groups(source)


async def missing_for(source: Source, command: Command) -> list[str]:
    """The permissions that this person is missing for a command; none if its group is granted."""
    missing = missing_permissions(command, source.permissions)
    if not missing or not is_grantable(command):
        return missing
    granted = await granted_groups(source)
    if command.extras.get("any_group"):
        return [] if granted else missing
    groups = command.extras.get("groups", (group_of_command(command),))
    return missing if granted.isdisjoint(groups) else []


async def is_admin(
    interaction: discord.Interaction, module: str, needed: str = "Manage Server"
) -> bool:
    """Whether the member may press a button of this module; if not, reply why."""
    if await may_manage(interaction, module):
        return True
    await reply_privately(interaction, refusal_card(for_moderators(needed, module)))
    return False


def for_moderators(needed: str, module: str) -> Refusal:
    """The refusal of a command that needs this permission, or this module's command group."""
    return Refusal(
        _("This is for moderators"),
        _(
            "You need the permission {needed}, or a role that an admin gave the group "
            "**{group}** with `/permissions grant`."
        ).format(needed=needed, group=package_title(group_of(module))),
    )


def lacking_for(command: Command, missing: Iterable[str]) -> Refusal:
    """Like `for_moderators`, for a command and the permissions the member is missing."""
    needed = permission_names(missing)
    if is_grantable(command):
        return for_moderators(needed, command.callback.__module__)
    return Refusal(
        _("This is for moderators"), _("You need the permission {needed}.").format(needed=needed)
    )


async def may_use(ctx: commands.Context[Any]) -> bool:
    """The check of all commands. discord.py skips a group's checks for typed subcommands."""
    if ctx.command is None:
        return True
    skip_fallback(ctx)
    if ctx.guild is None:
        if is_for_servers(ctx.command):
            raise commands.NoPrivateMessage
        return True
    if missing_permissions(ctx.command, ctx.permissions):
        await acknowledge(ctx)  # the database is queried before the command runs
        try:
            missing = await missing_for(ctx, ctx.command)
        except Outage as outage:
            raise commands.CommandInvokeError(outage) from outage
        if missing:
            raise commands.MissingPermissions(missing)
    return True


async def acknowledge(ctx: commands.Context[Any]) -> None:
    """Defer the reply: Discord waits only three seconds, and the database may be slow."""
    if ctx.interaction is None or ctx.interaction.response.is_done():
        return
    try:
        await ctx.defer(ephemeral=is_private(ctx))
    except discord.NotFound as error:
        # discord.py passes only a CommandError to `on_command_error`.
        raise commands.CommandInvokeError(error) from error
