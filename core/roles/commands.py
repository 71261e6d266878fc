"""`/roles`: everything an admin does with reward roles, and what the bot hears about members."""

from collections.abc import Iterable
from itertools import islice
from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.discord_access import require_below_own
from core.kit.discord_ui import PRIVATE, answer, guild_id_of, safe, shortened
from core.kit.errors import Refusal
from core.kit.paginator import show
from core.kit.services import Services
from core.kit.words import _
from core.roles import actions, embeds, store
from core.roles.actions import MOST_MINUTES
from core.roles.keeper import Keeper
from core.roles.paginators import MEMBERS, PREVIEW
from core.roles.snapshot import role_of, see
from core.roles.store import Stored

Context = commands.Context[commands.Bot]
Minutes = commands.Range[int, 1, MOST_MINUTES]

MOST_CHOICES = 25
"""What Discord shows while one types."""

_NEVER = ("everyone", "managed")
"""Obstacles that no admin can remove."""


class Roles(commands.Cog):
    """Roles for watching."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database = services.database
        self._keeper = Keeper(services)

    # -- what is heard --------------------------------------------------------------------------

    async def cog_load(self) -> None:
        self._keeper.start()

    async def cog_unload(self) -> None:
        self._keeper.stop()

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        self._keeper.meet(guild)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        self._keeper.meet(guild)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self._keeper.lose(guild.id)

    @commands.Cog.listener()
    async def on_member_join(self, member: discord.Member) -> None:
        self._keeper.look(member.guild.id, member.id)

    @commands.Cog.listener()
    async def on_raw_member_remove(self, event: discord.RawMemberRemoveEvent) -> None:
        self._keeper.look(event.guild_id, event.user.id)

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        self._keeper.look(role.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        if before.position != after.position or before.permissions != after.permissions:
            self._keeper.look(after.guild.id)

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        if after == after.guild.me and before.roles != after.roles:
            self._keeper.look(after.guild.id)

    # -- rewards --------------------------------------------------------------------------------

    @commands.hybrid_group(name="roles", fallback="list", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def roles(self, ctx: Context) -> None:
        """Show which role takes how many minutes, who has it, and any problem assigning it."""
        await answer(ctx, await self._list(ctx))

    async def _list(self, ctx: Context) -> discord.Embed:
        guild = _guild(ctx)
        current = await self._database.run(actions.get_status, guild.id)
        seen = await see(guild, [reward.role_id for reward in current.rewards])
        return embeds.rewards(current, seen)

    @roles.command(name="add", extras=PRIVATE)
    @app_commands.describe(role="The role to give", minutes="How many minutes it takes")
    async def add(self, ctx: Context, role: discord.Role, minutes: Minutes) -> None:
        """Give a role to everybody who has watched for so many minutes."""
        warning = _checked(ctx, role)
        await self._database.run(
            actions.add_reward,
            guild_id_of(ctx),
            role.id,
            role.name,
            minutes,
            ctx.author.id,
            self._services.clock(),
        )
        what = _("Role reward added: {role} at {time}").format(
            role=safe(role.name), time=embeds.needs(minutes)
        )
        await answer(ctx, embeds.changed(what, _everybody(role.mention, minutes), warning))

    # What is typed and is no number is left over, and must not pass for an answer to nothing.
    @roles.command(name="update", extras=PRIVATE, ignore_extra=False)
    @app_commands.describe(role="The reward", minutes="How many minutes it takes from now on")
    async def update(self, ctx: Context, role: str, minutes: Minutes) -> None:
        """Change how many minutes a role takes; who falls below loses it."""
        reward = await self._database.run(
            actions.set_minutes, guild_id_of(ctx), role, minutes, ctx.author.id
        )
        what = _("{role} now requires {time}").format(
            role=safe(reward.name), time=embeds.needs(minutes)
        )
        await answer(ctx, embeds.changed(what, _everybody(embeds.role_name(reward), minutes)))

    @roles.command(name="remove", extras=PRIVATE, ignore_extra=False)
    @app_commands.describe(
        role="The reward", take_back="Also take the role from everybody to whom I gave it"
    )
    async def remove(self, ctx: Context, role: str, take_back: bool = False) -> None:
        """Stop giving a role. Members keep it, unless it is to be taken back."""
        reward = await self._database.run(
            actions.remove_reward,
            guild_id_of(ctx),
            role,
            ctx.author.id,
            self._services.clock(),
            take_back=take_back,
        )
        kept = _("Members keep {role}.")
        taken = _("{role} is being taken from everybody to whom I gave it.")
        body = (taken if take_back else kept).format(role=embeds.role_name(reward))
        await answer(ctx, embeds.changed(_("That role is no reward any more"), body))

    @roles.command(name="enable", extras=PRIVATE)
    @app_commands.describe(role="The reward")
    async def enable(self, ctx: Context, *, role: str) -> None:
        """Give a role again that was switched off."""
        reward = await self._set_state(ctx, role, "on")
        what = _("Resumed: {role} is being assigned again").format(role=safe(reward.name))
        body = _everybody(embeds.role_name(reward), reward.minutes)
        await answer(ctx, embeds.changed(what, body))

    @roles.command(name="disable", extras=PRIVATE)
    @app_commands.describe(role="The reward")
    async def disable(self, ctx: Context, *, role: str) -> None:
        """Neither give nor take a role until it is switched on again."""
        reward = await self._set_state(ctx, role, "off")
        body = _("Whoever has {role} keeps it.").format(role=embeds.role_name(reward))
        what = _("Paused: {role} is not being assigned").format(role=safe(reward.name))
        await answer(ctx, embeds.changed(what, body))

    async def _set_state(self, ctx: Context, role: str, state: Literal["on", "off"]) -> Stored:
        return await self._database.run(
            actions.set_state,
            guild_id_of(ctx),
            role,
            state,
            ctx.author.id,
            self._services.clock(),
        )

    @roles.command(name="linked", extras=PRIVATE)
    @app_commands.describe(role="The role for whoever links an account, or off")
    async def linked(self, ctx: Context, *, role: str) -> None:
        """Choose the role that everybody gets who links an account, or off."""
        guild_id, now = guild_id_of(ctx), self._services.clock()
        if role.strip().casefold() == "off":
            await self._database.run(actions.end_linked_role, guild_id, ctx.author.id, now)
            body = _("It is being taken from everybody to whom I gave it.")
            await answer(ctx, embeds.changed(_("Role for linked members removed"), body))
            return
        chosen = await commands.RoleConverter().convert(ctx, role)
        warning = _checked(ctx, chosen)
        await self._database.run(
            actions.set_linked_role, guild_id, chosen.id, chosen.name, ctx.author.id, now
        )
        body = _("Everybody who has linked an account gets {role}.").format(role=chosen.mention)
        await answer(ctx, embeds.changed(_("Role for linked members set"), body, warning))

    @roles.command(name="mode", extras=PRIVATE)
    @app_commands.describe(mode="stack: every role that is reached; highest: only the top one")
    async def mode(self, ctx: Context, mode: Literal["stack", "highest"]) -> None:
        """Let viewers keep every role that is reached, or only the highest."""
        await self._database.run(actions.set_mode, guild_id_of(ctx), mode, ctx.author.id)
        await answer(ctx, await self._list(ctx))

    # -- looking --------------------------------------------------------------------------------

    @roles.command(name="status", extras=PRIVATE)
    async def status(self, ctx: Context) -> None:
        """Show whether all roles can be assigned, how they are set and when I last checked."""
        current = await self._database.run(actions.get_status, guild_id_of(ctx))
        every = self._services.settings.role_update_interval_seconds
        await answer(ctx, embeds.status(current, every))

    @roles.command(name="retry", extras=PRIVATE)
    async def retry(self, ctx: Context) -> None:
        """Check all members now, and retry roles that Discord refused."""
        await self._database.run(actions.ask_for_retry, guild_id_of(ctx), self._services.clock())
        body = _("Roles that Discord refused are tried again. `/roles status` shows the result.")
        await answer(ctx, embeds.changed(_("Checking all members now"), body))

    @roles.command(name="members", extras=PRIVATE)
    @app_commands.describe(role="The reward")
    async def members(self, ctx: Context, *, role: str) -> None:
        """Show who has a reward role, and whether they got it from me or by hand."""
        await show(ctx, MEMBERS, role)

    @roles.command(name="preview", extras=PRIVATE)
    async def preview(self, ctx: Context) -> None:
        """Show who would gain and lose which role now, without changing anything."""
        await show(ctx, PREVIEW)

    # -- what is offered while one types --------------------------------------------------------

    @update.autocomplete("role")
    @remove.autocomplete("role")
    @enable.autocomplete("role")
    @disable.autocomplete("role")
    @members.autocomplete("role")
    async def _rewards(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        known = await self._database.run(store.list_rewards, interaction.guild_id or 0)
        named = [(f"{r.name} · {embeds.needs(r.minutes)}", r.role_id) for r in known]
        return _choices(named, typed)

    @linked.autocomplete("role")
    async def _roles(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        roles = reversed(interaction.guild.roles) if interaction.guild else ()
        named = [(r.name, r.id) for r in roles if not r.is_default() and not r.managed]
        off = [app_commands.Choice(name="off", value="off")] if typed in "off" else []
        return [*off, *_choices(named, typed)][:MOST_CHOICES]


def _choices(named: Iterable[tuple[str, int]], typed: str) -> list[app_commands.Choice[str]]:
    fitting = ((n, i) for n, i in named if typed.casefold() in n.casefold())
    return [
        app_commands.Choice(name=shortened(name, 100), value=str(role_id))
        for name, role_id in islice(fitting, MOST_CHOICES)
    ]


def _everybody(role: str, minutes: int | None) -> str:
    if minutes is None:
        return _("Everyone who has linked an account gets {role}.").format(role=role)
    return _(
        "Everyone with at least {time} of watchtime gets {role}, including time already watched."
    ).format(time=embeds.needs(minutes), role=role)


def _guild(ctx: Context) -> discord.Guild:
    assert ctx.guild is not None, "the command is guild_only"
    return ctx.guild


def _checked(ctx: Context, role: discord.Role) -> tuple[str, str] | None:
    """What an admin should know about the role before it is given by itself.

    Raises:
        Refusal: it can never be given, or the admin could not give it either.
    """
    guild = _guild(ctx)
    require_below_own(ctx, role)
    seen = role_of(guild, role.id)
    if seen.obstacle is not None:
        words = embeds.obstacle_words(seen.obstacle)
        if seen.obstacle in _NEVER:
            raise Refusal(*words)
        return words
    if seen.powers:
        return (
            _("That role may do what only moderators may."),
            _("Whoever has watched long enough will be able to, too."),
        )
    return None
