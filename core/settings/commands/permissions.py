"""`/permissions`: which roles may use a group of commands without the permission Manage Server."""

import discord
from discord import app_commands
from discord.ext import commands

from core.guilds import actions
from core.kit.discord_access import ADMINS_ONLY, Command, grantable_groups, group_title
from core.kit.discord_ui import PRIVATE, answer, run_action
from core.kit.errors import Refusal
from core.kit.words import _
from core.settings import embeds
from core.settings.commands.places import guild_of

Context = commands.Context[commands.Bot]


class Permissions(commands.Cog, name="permissions"):
    """Who may use which commands."""

    # Whoever was granted a group must not grant more: this group is for admins alone.
    @commands.hybrid_group(name="permissions", fallback="list", extras=PRIVATE | ADMINS_ONLY)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def permissions(self, ctx: Context) -> None:
        """Show which roles may use which groups of commands."""
        guild, granted = guild_of(ctx), await run_action(ctx, actions.list_permissions)
        roles = {
            group: [role for one in role_ids if (role := guild.get_role(one))]
            for group, role_ids in granted.items()
        }
        await answer(ctx, embeds.permissions(_slash_names(ctx.bot), roles))

    @permissions.command(name="grant", extras=PRIVATE)
    @app_commands.describe(group="Which commands", role="Whose members may use them")
    async def grant(self, ctx: Context, group: str, *, role: discord.Role) -> None:
        """Let members with a role use a group of commands."""
        found = _group(ctx.bot, group)
        if role.is_default():
            raise Refusal(
                _("Everyone has that role."),
                _("Choose a role that only your moderators have."),
            )
        new = await run_action(ctx, actions.grant, found, role.id)
        me = str(ctx.me.display_name)
        await answer(ctx, embeds.granted(found, _slash_names(ctx.bot)[found], role, me, new=new))

    @permissions.command(name="revoke", extras=PRIVATE)
    @app_commands.describe(group="Which commands", role="Whose members may no longer use them")
    async def revoke(self, ctx: Context, group: str, *, role: discord.Role) -> None:
        """Take a group of commands back from a role."""
        found = _group(ctx.bot, group)
        had = await run_action(ctx, actions.revoke, found, role.id)
        await answer(ctx, embeds.revoked(found, role, had=had))

    @grant.autocomplete("group")
    @revoke.autocomplete("group")
    async def _groups(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        bot = interaction.client
        assert isinstance(bot, commands.Bot), "commands come to our own bot"
        titles = {group: group_title(group) for group in grantable_groups(bot)}
        wanted = typed.strip().casefold()
        return [
            app_commands.Choice(name=title, value=group)
            for group, title in titles.items()
            if wanted in title.casefold()
        ][:25]


def _slash_names(bot: commands.Bot) -> dict[str, list[str]]:
    """Group -> its commands as Discord lists them, without subcommands."""
    return {
        group: list(dict.fromkeys(_root(command) for command in found))
        for group, found in grantable_groups(bot).items()
    }


def _root(command: Command) -> str:
    return f"/{(command.root_parent or command).name}"


def _group(bot: commands.Bot, typed: str) -> str:
    """The group that somebody means, by key or title.

    Raises:
        Refusal: there is none; those that there are, are named.
    """
    known = grantable_groups(bot)
    wanted = "_".join(typed.split()).casefold()
    if wanted in known:
        return wanted
    raise Refusal(
        _("There is no such group of commands."),
        _("Choose one of these: {groups}.").format(
            groups=", ".join(f"`{group}`" for group in known)
        ),
    )
