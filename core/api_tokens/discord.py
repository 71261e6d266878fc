"""`/apitoken`."""

from discord import app_commands
from discord.ext import commands

from core.api_tokens import actions, messages
from core.kit.api import Scope
from core.kit.discord_access import ADMINS_ONLY
from core.kit.discord_ui import PRIVATE, answer, run_action, sent_by_dm
from core.kit.errors import Refusal
from core.kit.words import _

Context = commands.Context[commands.Bot]


class ApiTokens(commands.Cog):
    """Tokens for programs that use the HTTP API."""

    @commands.hybrid_group(name="apitoken", fallback="list", extras=PRIVATE | ADMINS_ONLY)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def group(self, ctx: Context) -> None:
        """List the API tokens of this server."""
        await answer(ctx, messages.listed(await run_action(ctx, actions.list_tokens)))

    @group.command(name="create", extras=PRIVATE)
    @app_commands.describe(
        name="What it is for, such as stream deck", scope="What it may be used for"
    )
    async def create(self, ctx: Context, scope: Scope, *, name: str) -> None:
        """Create a token for a program. It is shown once, to you alone."""
        token = await run_action(ctx, actions.create_token, name, scope)
        new = messages.created(name, token, scope)
        if ctx.interaction is not None:
            await answer(ctx, new)
        elif await sent_by_dm(ctx.author, embed=new):
            await answer(ctx, messages.sent_by_dm())
        else:
            await run_action(ctx, actions.revoke_token, name)
            raise Refusal(
                _("I cannot send you direct messages, and a token is not posted in a channel."),
                _("Use the slash command `/apitoken create`, or the dashboard."),
            )

    @group.command(name="revoke", extras=PRIVATE)
    @app_commands.describe(name="Which token")
    async def revoke(self, ctx: Context, *, name: str) -> None:
        """Revoke a token. It stops working at once."""
        await run_action(ctx, actions.revoke_token, name)
        await answer(ctx, messages.revoked(name))
