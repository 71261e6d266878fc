"""`/exclude`, and the replies of the aliases of single features."""

from discord import app_commands
from discord.ext import commands

from core.kit.discord.ui import answer, run_action, server_group
from core.people.exclusions import actions, messages
from core.people.exclusions.records import Scope

Context = commands.Context[commands.Bot]

_WHO = "A mention, a Discord id or a name in chat"
_SCOPE = "From what. Default: everything"


async def exclude(ctx: Context, who: str, scope: Scope, reason: str = "") -> None:
    name = await run_action(ctx, actions.exclude, who, scope, reason)
    await answer(ctx, messages.excluded(name, scope))


async def include(ctx: Context, who: str, scope: Scope) -> None:
    name = await run_action(ctx, actions.include, who, scope)
    await answer(ctx, messages.included(name, scope))


async def show_excluded(ctx: Context, scope: Scope) -> None:
    found = await run_action(ctx, actions.list_excluded, scope)
    await answer(ctx, messages.listed(found, scope))


class Exclusions(commands.Cog):
    """Excluded viewers."""

    @server_group("exclude", fallback="list", for_admins=True)
    @app_commands.describe(scope=_SCOPE)
    async def group(self, ctx: Context, scope: Scope = "everything") -> None:
        """Show who is excluded from watchtime, slot requests, raffles or everything."""
        await show_excluded(ctx, scope)

    @group.command(name="add")
    @app_commands.describe(
        who=_WHO + ", even one that was never seen",
        scope=_SCOPE,
        reason="Why, for your own records",
    )
    async def add(
        self, ctx: Context, who: str, scope: Scope = "everything", *, reason: str = ""
    ) -> None:
        """Exclude a cheater from everything, or from one feature."""
        await exclude(ctx, who, scope, reason)

    @group.command(name="remove")
    @app_commands.describe(who=_WHO, scope=_SCOPE)
    async def remove(self, ctx: Context, who: str, scope: Scope = "everything") -> None:
        """Let someone take part again, even after a ban."""
        await include(ctx, who, scope)
