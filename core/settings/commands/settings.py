"""`/settings`: everything that an admin can set about this server, for all features."""

from collections.abc import Sequence

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.discord_access import may_manage, require_below_own
from core.kit.discord_ui import PRIVATE, answer, run_action
from core.kit.paginator import Page, Paginator, Reader, nearest_page, show
from core.kit.services import Services
from core.settings import actions, embeds
from core.settings.commands import places
from core.settings.commands.choices import features_like, keys_like, values_like
from core.settings.commands.places import guild_of
from core.settings.rules import Declared, feature_of, get_declared, get_feature, parse

Context = commands.Context[commands.Bot]
Choices = list[app_commands.Choice[str]]


def settings_paginator(known: Sequence[Declared]) -> Paginator:
    """All settings, or with a key those of one feature."""

    async def open_page(reader: Reader, key: str, number: int) -> Page:
        wanted = [one for one in known if key in ("", feature_of(one))]
        number, pages = nearest_page(number, len(wanted), embeds.PER_PAGE)
        part = wanted[(number - 1) * embeds.PER_PAGE :][: embeds.PER_PAGE]
        current = await reader.run_action(actions.list_current, part)
        troubles = {
            one.declared.key: places.trouble(reader.guild, one.declared, one.value)
            for one in current
        }
        return Page(embeds.page(current, troubles), number, pages, key)

    return Paginator("settings", "settings", open_page)


class Settings(commands.Cog, name="settings"):
    """What can be set about this server."""

    def __init__(self, services: Services, known: Sequence[Declared], paginator: Paginator) -> None:
        self._environment = services.settings
        self._known = tuple(known)
        self._paginator = paginator

    @commands.hybrid_group(name="settings", fallback="list", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(feature="Of one feature only, such as watchtime")
    async def settings(self, ctx: Context, *, feature: str = "") -> None:
        """List the settings of this server and their values."""
        only = get_feature(feature, self._known) if feature.strip() else ""
        await show(ctx, self._paginator, only)

    @settings.command(name="show", extras=PRIVATE)
    @app_commands.describe(key="Which setting")
    async def show(self, ctx: Context, key: str) -> None:
        """Show one setting: its value, what it takes, and where the value comes from."""
        declared = get_declared(key, self._known)
        current = await run_action(ctx, actions.get_current, declared)
        trouble = places.trouble(guild_of(ctx), declared, current.value)
        await answer(ctx, embeds.one(current, trouble))

    @settings.command(name="set", extras=PRIVATE)
    @app_commands.describe(key="Which setting", value="Its new value")
    async def set(self, ctx: Context, key: str, *, value: str) -> None:
        """Change a setting, such as `watchtime.enabled` to `off`."""
        declared = get_declared(key, self._known)
        new = _parse(ctx, declared, value)
        await _show_change(ctx, *await run_action(ctx, actions.change, declared, new))

    @settings.command(name="reset", extras=PRIVATE)
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
        if not await may_manage(interaction, __name__):
            return []
        return values_like(interaction, typed, self._known)


async def _show_change(ctx: Context, before: actions.Current, after: actions.Current) -> None:
    trouble = places.trouble(guild_of(ctx), after.declared, after.value)
    await answer(ctx, embeds.changed(before, after, trouble))


def _parse(ctx: Context, declared: Declared, text: str) -> object:
    if declared.of not in ("channel", "role"):
        return parse(declared, text)
    found = places.find_value(guild_of(ctx), declared, text)
    role = guild_of(ctx).get_role(found)
    if declared.of == "role" and role is not None:
        require_below_own(ctx, role)
    return found
