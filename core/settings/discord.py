"""`/settings`, `/permissions` and `/auditlog`."""

from collections.abc import Mapping, Sequence
from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from core.guilds import actions as guilds
from core.kit.discord.access import (
    ANY_GROUP,
    grantable_groups,
    missing_for,
    rights_of,
    slash_names,
)
from core.kit.discord.paginator import Page, Paginator, Reader, nearest_page, show
from core.kit.discord.ui import answer, guild_of, run_action, server_command, server_group
from core.kit.errors import Refusal
from core.kit.feature import AuditLine
from core.kit.services import Services
from core.kit.text.words import _, package_title
from core.settings import actions, messages, places
from core.settings.places import features_like, keys_like, values_like
from core.settings.rules import Declared, feature_of, get_declared, get_feature, parse

Context = commands.Context[commands.Bot]
Choices = list[app_commands.Choice[str]]


def settings_paginator(known: Sequence[Declared]) -> Paginator:
    """All settings, or with a key those of one feature."""

    async def open_page(reader: Reader, key: str, number: int) -> Page:
        named = [declared for declared in known if key in ("", feature_of(declared))]
        wanted = await reader.run_action(actions.readable, named)
        number, pages = nearest_page(number, len(wanted), messages.PER_PAGE)
        part = wanted[(number - 1) * messages.PER_PAGE :][: messages.PER_PAGE]
        current = await reader.run_action(actions.list_current, part)
        troubles = {
            shown.declared.key: places.trouble(reader.guild, shown.declared, shown.value)
            for shown in current
        }
        return Page(messages.page(current, troubles), number, pages, key)

    return Paginator("settings", "settings", open_page)


class Settings(commands.Cog, name="settings"):
    """This server's settings."""

    def __init__(self, services: Services, known: Sequence[Declared], paginator: Paginator) -> None:
        self._environment = services.settings
        self._known = tuple(known)
        self._paginator = paginator

    @server_group("settings", fallback="list", for_admins=True, extras=ANY_GROUP)
    @app_commands.describe(feature="Only settings of this feature, such as watchtime")
    async def settings(self, ctx: Context, *, feature: str = "") -> None:
        """List the settings of this server and their values."""
        only = get_feature(feature, self._known) if feature.strip() else ""
        await show(ctx, self._paginator, only)

    @settings.command(name="show", extras=ANY_GROUP)
    @app_commands.describe(key="Which setting")
    async def show(self, ctx: Context, key: str) -> None:
        """Show one setting: its value, allowed values and source."""
        declared = get_declared(key, self._known)
        current = await run_action(ctx, actions.read, declared)
        trouble = places.trouble(guild_of(ctx), declared, current.value)
        await answer(ctx, messages.one(current, trouble))

    @settings.command(name="set", extras=ANY_GROUP)
    @app_commands.describe(key="Which setting", value="Its new value")
    async def set(self, ctx: Context, key: str, *, value: str) -> None:
        """Change a setting, such as `watchtime.enabled` to `off`."""
        declared = get_declared(key, self._known)
        new = _parse(ctx, declared, value)
        await _show_change(ctx, *await run_action(ctx, actions.change, declared, new))

    @settings.command(name="reset", extras=ANY_GROUP)
    @app_commands.describe(key="Which setting")
    async def reset(self, ctx: Context, key: str) -> None:
        """Set a setting back to its default."""
        declared = get_declared(key, self._known)
        change = await run_action(ctx, actions.reset, self._environment, declared)
        await _show_change(ctx, *change)

    @settings.autocomplete("feature")
    async def _features(self, _interaction: discord.Interaction, typed: str) -> Choices:
        return features_like(typed, self._known)

    @show.autocomplete("key")
    @set.autocomplete("key")
    @reset.autocomplete("key")
    async def _keys(self, _interaction: discord.Interaction, typed: str) -> Choices:
        return keys_like(typed, self._known)

    @set.autocomplete("value")
    async def _values(self, interaction: discord.Interaction, typed: str) -> Choices:
        if await missing_for(interaction, self.set):
            return []
        return values_like(interaction, typed, self._known)


async def _show_change(ctx: Context, before: actions.Current, after: actions.Current) -> None:
    trouble = places.trouble(guild_of(ctx), after.declared, after.value)
    await answer(ctx, messages.changed(before, after, trouble))


def _parse(ctx: Context, declared: Declared, text: str) -> object:
    if declared.of not in ("channel", "role"):
        return parse(declared, text)
    return places.find_value(guild_of(ctx), declared, text)


# -- permissions ----------------------------------------------------------------------------------


class Permissions(commands.Cog, name="permissions"):
    """Who may use which commands."""

    # Members who were granted a group must not grant more: this group is for admins only.
    @server_group("permissions", fallback="list", for_admins=True, extras=rights_of(guilds.grant))
    async def permissions(self, ctx: Context) -> None:
        """Show which roles may use which groups of commands."""
        guild, granted = guild_of(ctx), await run_action(ctx, guilds.list_permissions)
        roles = {
            group: [role for role_id in role_ids if (role := guild.get_role(role_id))]
            for group, role_ids in granted.items()
        }
        await answer(ctx, messages.permissions(slash_names(ctx.bot.walk_commands()), roles))

    @permissions.command(name="grant")
    @app_commands.describe(group="Which commands", role="The role whose members can use them")
    async def grant(self, ctx: Context, group: str, *, role: discord.Role) -> None:
        """Let members with a role use a group of commands."""
        found = _group(ctx.bot, group)
        new = await run_action(ctx, guilds.grant, found, role.id)
        me = str(ctx.me.display_name)
        await answer(
            ctx,
            messages.granted(found, slash_names(ctx.bot.walk_commands())[found], role, me, new=new),
        )

    @permissions.command(name="revoke")
    @app_commands.describe(
        group="Which commands", role="The role whose members can no longer use them"
    )
    async def revoke(self, ctx: Context, group: str, *, role: discord.Role) -> None:
        """Take a group of commands back from a role."""
        found = _group(ctx.bot, group)
        had = await run_action(ctx, guilds.revoke, found, role.id)
        await answer(ctx, messages.revoked(found, role, had=had))

    @grant.autocomplete("group")
    @revoke.autocomplete("group")
    async def _groups(self, interaction: discord.Interaction, typed: str) -> Choices:
        bot = interaction.client
        assert isinstance(bot, commands.Bot), "only our bot runs commands"
        titles = {group: package_title(group) for group in grantable_groups(bot.walk_commands())}
        wanted = typed.strip().casefold()
        return [
            app_commands.Choice(name=title, value=group)
            for group, title in titles.items()
            if wanted in title.casefold()
        ][:25]


def _group(bot: commands.Bot, typed: str) -> str:
    """Find a group by key or title. Raises Refusal, which lists the groups, if there is none."""
    known = grantable_groups(bot.walk_commands())
    wanted = "_".join(typed.split()).casefold()
    if wanted in known:
        return wanted
    raise Refusal(
        _("There is no such group of commands."),
        _("Choose one of these: {groups}.").format(
            groups=", ".join(f"`{group}`" for group in known)
        ),
    )


# -- the audit log --------------------------------------------------------------------------------


def audit_log_paginator(known: Sequence[Declared], lines: Mapping[str, AuditLine]) -> Paginator:
    """The audit log; the key of a page says how many entries it has.

    Args:
        lines: action -> how its entry reads.
    """
    by_key = {declared.key: declared for declared in known}

    async def open_page(reader: Reader, key: str, number: int) -> Page:
        per_page = min(int(key), messages.MAX_ENTRIES)
        found = await reader.run_action(actions.read_log, per_page, number)
        mention = partial(places.mention, reader.guild)
        embed = messages.audit_log(found, per_page, by_key, lines, mention)
        return Page(embed, *nearest_page(number, found.total, per_page), key)

    return Paginator("audit_log", "auditlog", open_page)


class AuditLog(commands.Cog, name="audit_log"):
    """The record of what admins changed."""

    def __init__(self, paginator: Paginator) -> None:
        self._paginator = paginator

    @server_command("auditlog", for_admins=True)
    @app_commands.describe(count=f"How many changes at a time, 1 to {messages.MAX_ENTRIES}")
    async def show(
        self,
        ctx: Context,
        count: commands.Range[int, 1, messages.MAX_ENTRIES] = 10,
    ) -> None:
        """Show who changed what in this server, and when."""
        await show(ctx, self._paginator, str(count))
