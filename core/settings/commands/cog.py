"""`/settings`: what an admin can set about this server, of all features, in one place."""

from collections.abc import Sequence

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.discord_access import may_manage, require_below_own
from core.kit.discord_ui import PRIVATE, answer
from core.kit.paginator import Paginator, show
from core.kit.services import Services
from core.settings import actions, embeds
from core.settings.commands import places
from core.settings.commands.choices import features_like, keys_like, values_like
from core.settings.commands.places import guild_of
from core.settings.rules import Declared, get_declared, get_feature, parse

Context = commands.Context[commands.Bot]
Choices = list[app_commands.Choice[str]]


class Settings(commands.Cog, name="settings"):
    """What can be set about this server."""

    def __init__(self, services: Services, known: Sequence[Declared], paginator: Paginator) -> None:
        self._services = services
        self._database = services.database
        self._known = tuple(known)
        self._paginator = paginator

    @commands.hybrid_group(name="settings", fallback="list", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(feature="Of one feature only, such as watchtime")
    async def settings(self, ctx: Context, *, feature: str = "") -> None:
        """Show what can be set about this server, and how it is set."""
        only = get_feature(feature, self._known) if feature.strip() else ""
        await show(ctx, self._paginator, only)

    @settings.command(name="show", extras=PRIVATE)
    @app_commands.describe(key="Which setting")
    async def show(self, ctx: Context, key: str) -> None:
        """Show all about one setting: its value, what it takes, and where the value comes from."""
        declared = get_declared(key, self._known)
        current = await self._database.run(actions.get_current, guild_of(ctx).id, declared)
        trouble = places.trouble(guild_of(ctx), declared, current.value)
        await answer(ctx, embeds.one(current, trouble))

    @settings.command(name="set", extras=PRIVATE)
    @app_commands.describe(key="Which setting", value="Its new value")
    async def set(self, ctx: Context, key: str, *, value: str) -> None:
        """Change a setting, such as `watchtime.enabled` to `off`."""
        declared = get_declared(key, self._known)
        meant = _meant(ctx, declared, value)
        change = await self._database.run(
            actions.change, guild_of(ctx).id, declared, meant, ctx.author.id
        )
        await self._tell(ctx, change)

    @settings.command(name="reset", extras=PRIVATE)
    @app_commands.describe(key="Which setting")
    async def reset(self, ctx: Context, key: str) -> None:
        """Take back what was set, so that the default holds again."""
        declared = get_declared(key, self._known)
        change = await self._database.run(
            actions.reset, self._services.settings, guild_of(ctx).id, declared, ctx.author.id
        )
        await self._tell(ctx, change)

    async def _tell(self, ctx: Context, change: actions.Change) -> None:
        after = change.after
        trouble = places.trouble(guild_of(ctx), after.declared, after.value)
        await answer(ctx, embeds.changed(change, trouble))

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


def _meant(ctx: Context, declared: Declared, text: str) -> object:
    if declared.of not in ("channel", "role"):
        return parse(declared, text)
    found = places.find_value(guild_of(ctx), declared, text)
    role = guild_of(ctx).get_role(found)
    if declared.of == "role" and role is not None:
        require_below_own(ctx, role)
    return found
