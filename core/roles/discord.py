"""`/roles`, its lists, and the events of Discord that change who should have which role."""

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Annotated, Literal

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.database.records import MemberId
from core.kit.discord.arguments import Whole
from core.kit.discord.paginator import Page, Paginator, Reader, nearest_page, show
from core.kit.discord.roles import list_for_viewers, see_role
from core.kit.discord.ui import answer, guild_of, run_action, safe, server_group, shortened
from core.kit.services import Services
from core.kit.text.words import _
from core.roles import actions, messages, reconcile, store
from core.roles.actions import MAX_MINUTES
from core.roles.messages import PAGE
from core.roles.role_sync import RoleSync, see
from core.roles.store import Holder

Context = commands.Context[commands.Bot]
Minutes = Annotated[int, Whole(1, MAX_MINUTES, unit="m")]

MAX_CHOICES = 25
"""How many suggestions Discord shows."""

# -- lists ----------------------------------------------------------------------------------------


async def _open_preview(reader: Reader, _key: str, number: int) -> Page:
    seen = await see(reader.guild, await reader.run_action(store.list_role_ids))
    plan = await reader.run_action(reconcile.preview, seen)
    number, pages = nearest_page(number, sum(step.asks for step in plan.steps), PAGE)
    return Page(messages.preview(plan, number), number, pages)


async def _open_members(reader: Reader, key: str, number: int) -> Page:
    reward = await reader.run_action(actions.get_reward, key)
    known = await reader.run_action(store.list_holders, reward.role_id)
    seen = await see(reader.guild, [reward.role_id])
    having = {who for who, held in seen.held.items() if held}
    rows = [row for row in known if row.discord_id in having or row.state == "giving"]
    others = having - {row.discord_id for row in rows}
    rows += [Holder(MemberId(who), "found", None) for who in sorted(others)]
    number, pages = nearest_page(number, len(rows), PAGE)
    return Page(messages.members(reward, rows, number), number, pages, str(reward.role_id))


PREVIEW = Paginator("roles_preview", "roles preview", _open_preview)
MEMBERS = Paginator("roles_members", "roles members", _open_members)
"""The key is a role."""

# -- commands -------------------------------------------------------------------------------------


class Roles(commands.Cog):
    """Roles for watching."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sync = RoleSync(services)

    async def cog_load(self) -> None:
        self._sync.start()

    async def cog_unload(self) -> None:
        self._sync.stop()

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        self._sync.add_guild(guild)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        self._sync.add_guild(guild)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self._sync.remove_guild(guild.id)

    @commands.Cog.listener()
    async def on_member_join(self, member: discord.Member) -> None:
        self._sync.check(member.guild.id, member.id)

    @commands.Cog.listener()
    async def on_raw_member_remove(self, event: discord.RawMemberRemoveEvent) -> None:
        self._sync.check(event.guild_id, event.user.id)

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        self._sync.check(role.guild.id)

    @commands.Cog.listener()
    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        if before.position != after.position or before.permissions != after.permissions:
            self._sync.check(after.guild.id)

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        if after == after.guild.me and before.roles != after.roles:
            self._sync.check(after.guild.id)

    @server_group("roles", fallback="list", for_admins=True)
    async def roles(self, ctx: Context) -> None:
        """List reward roles: required minutes, number of members, and any problem."""
        current = await run_action(ctx, actions.get_status)
        seen = await see(guild_of(ctx), [reward.role_id for reward in current.rewards])
        holders = Counter(role_id for held in seen.held.values() for role_id in held or ())
        await answer(ctx, messages.rewards(current, holders))

    @roles.command(name="add")
    @app_commands.describe(
        role="The role to assign", minutes="Required watchtime in minutes, such as 600 or 10h"
    )
    async def add(self, ctx: Context, role: discord.Role, *, minutes: Minutes) -> None:
        """Assign a role to everyone with this much watchtime."""
        await run_action(ctx, actions.add_reward, role.id, role.name, minutes)
        what = _("Role reward added: {role} at {time}").format(
            role=safe(role.name), time=messages.needs(minutes)
        )
        body = messages.everyone_gets(role.mention, minutes)
        await answer(ctx, messages.changed(what, body, _warning(ctx, role)))

    @roles.command(name="update", ignore_extra=False)
    @app_commands.describe(role="The reward", minutes="New required watchtime, such as 600 or 10h")
    async def update(self, ctx: Context, role: str, *, minutes: Minutes) -> None:
        """Change the watchtime a role requires; members below it lose the role."""
        reward = await run_action(ctx, actions.set_minutes, role, minutes)
        what = _("{role} now requires {time}").format(
            role=safe(reward.name), time=messages.needs(minutes)
        )
        body = messages.everyone_gets(messages.role_name(reward), minutes)
        await answer(ctx, messages.changed(what, body))

    # With `ignore_extra`, a `take_back` that is neither yes nor no would count as no.
    @roles.command(name="remove", ignore_extra=False)
    @app_commands.describe(
        role="The reward", take_back="Also remove the role from everyone who got it from the bot"
    )
    async def remove(self, ctx: Context, role: str, take_back: bool = False) -> None:
        """Remove a reward. Members keep the role unless you take it back."""
        reward = await run_action(ctx, actions.remove_reward, role, take_back=take_back)
        kept = _("Members keep {role}.")
        taken = _("{role} is being removed from everyone who got it from the bot.")
        body = (taken if take_back else kept).format(role=messages.role_name(reward))
        await answer(ctx, messages.changed(_("Reward removed"), body))

    @roles.command(name="enable")
    @app_commands.describe(role="The reward")
    async def enable(self, ctx: Context, *, role: str) -> None:
        """Resume a paused reward."""
        reward = await run_action(ctx, actions.set_state, role, "on")
        what = _("Resumed: {role} is being assigned again").format(role=safe(reward.name))
        body = messages.everyone_gets(messages.role_name(reward), reward.minutes)
        await answer(ctx, messages.changed(what, body))

    @roles.command(name="disable")
    @app_commands.describe(role="The reward")
    async def disable(self, ctx: Context, *, role: str) -> None:
        """Pause a reward: its role is neither assigned nor removed until you resume it."""
        reward = await run_action(ctx, actions.set_state, role, "off")
        body = _("Members keep {role}.").format(role=messages.role_name(reward))
        what = _("Paused: {role} is not being assigned").format(role=safe(reward.name))
        await answer(ctx, messages.changed(what, body))

    @roles.command(name="linked")
    @app_commands.describe(role="The role for linked members, or off")
    async def linked(self, ctx: Context, *, role: str) -> None:
        """Choose the role for everyone who links an account, or off."""
        if role.strip().casefold() == "off":
            await run_action(ctx, actions.end_linked_role)
            body = _("It is being removed from everyone who got it from the bot.")
            await answer(ctx, messages.changed(_("Role for linked members removed"), body))
            return
        chosen = await commands.RoleConverter().convert(ctx, role)
        await run_action(ctx, actions.set_linked_role, chosen.id, chosen.name)
        body = messages.everyone_gets(chosen.mention, None)
        warning = _warning(ctx, chosen)
        await answer(ctx, messages.changed(_("Role for linked members set"), body, warning))

    @roles.command(name="mode")
    @app_commands.describe(mode="stack: keep every role reached; highest: only the top one")
    async def mode(self, ctx: Context, mode: Literal["stack", "highest"]) -> None:
        """Choose whether members keep every role they reach or only the highest."""
        await run_action(ctx, actions.set_mode, mode)
        await self.roles(ctx)

    @roles.command(name="status")
    async def status(self, ctx: Context) -> None:
        """Show problems assigning roles, the settings, and the last check."""
        every = self._services.settings.role_update_interval_seconds
        await answer(ctx, messages.status(await run_action(ctx, actions.get_status), every))

    @roles.command(name="retry")
    async def retry(self, ctx: Context) -> None:
        """Check all members now, and retry roles that Discord refused."""
        await run_action(ctx, actions.request_retry)
        body = _("Roles that Discord refused are retried. See the result with `/roles status`.")
        await answer(ctx, messages.changed(_("Checking all members now"), body))

    @roles.command(name="members")
    @app_commands.describe(role="The reward")
    async def members(self, ctx: Context, *, role: str) -> None:
        """List the members with a reward role and who assigned it."""
        await show(ctx, MEMBERS, role)

    @roles.command(name="preview")
    async def preview(self, ctx: Context) -> None:
        """Preview who would gain or lose which role, without changing anything."""
        await show(ctx, PREVIEW)

    @update.autocomplete("role")
    @remove.autocomplete("role")
    @enable.autocomplete("role")
    @disable.autocomplete("role")
    @members.autocomplete("role")
    async def _rewards(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        known = await run_action(interaction, store.list_rewards)
        named = [(f"{r.name} · {messages.needs(r.minutes)}", r.role_id) for r in known]
        return _choices(named, typed)

    @linked.autocomplete("role")
    async def _roles(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        roles = list_for_viewers(interaction.guild) if interaction.guild else ()
        named = [(role.name, role.id) for role in roles]
        off = [app_commands.Choice(name="off", value="off")] if typed in "off" else []
        return [*off, *_choices(named, typed)][:MAX_CHOICES]


def _choices(named: Iterable[tuple[str, int]], typed: str) -> list[app_commands.Choice[str]]:
    fitting = ((n, i) for n, i in named if typed.casefold() in n.casefold())
    return [
        app_commands.Choice(name=shortened(name, 100), value=str(role_id))
        for name, role_id in islice(fitting, MAX_CHOICES)
    ]


def _warning(ctx: Context, role: discord.Role) -> tuple[str, str] | None:
    """The steps an admin has to take before the bot can assign the role."""
    obstacle = see_role(guild_of(ctx), role.id).obstacle
    return None if obstacle is None else messages.obstacle_words(obstacle)
