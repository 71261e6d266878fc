"""`/apitoken`."""

import discord
from discord import app_commands
from discord.ext import commands

from core.api_tokens import actions, messages
from core.kit.discord.access import rights_of
from core.kit.discord.buttons import ActionButton
from core.kit.discord.ui import PRIVATE, answer, run_action, sent_by_dm
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.kit.web.api import Scope

Context = commands.Context[commands.Bot]


class RevokeButton(ActionButton, template=r"api_tokens:(?P<act>revoke:.{1,40})"):
    """Revokes a token. The prefix in the group keeps a numeric name a string."""

    permission = "manage_guild"
    shows_result = True

    def __init__(self, act: str) -> None:
        self.name = act.removeprefix("revoke:")
        label, custom_id = _("Revoke {name}").format(name=self.name), f"api_tokens:{act}"
        style = discord.ButtonStyle.danger
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))

    async def press(self, interaction: discord.Interaction) -> discord.Embed:
        await run_action(interaction, actions.revoke_token, self.name)
        return messages.revoked(self.name)


class ApiTokens(commands.Cog):
    """Tokens for programs that use the HTTP API."""

    @commands.hybrid_group(
        name="apitoken", fallback="list", extras=PRIVATE | rights_of(actions.create_token)
    )
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def group(self, ctx: Context) -> None:
        """List the API tokens of this server."""
        found = await run_action(ctx, actions.list_tokens)
        view = discord.ui.View(timeout=None)
        for token in found:
            view.add_item(RevokeButton(f"revoke:{token.name}"))
        await answer(ctx, messages.listed(found), view if found else None)

    @group.command(name="create", extras=PRIVATE)
    @app_commands.describe(
        name="What the token is for, such as stream deck", scope="What the token can be used for"
    )
    async def create(self, ctx: Context, scope: Scope, *, name: str) -> None:
        """Create a token for a program. It is shown once, only to you."""
        token = await run_action(ctx, actions.create_token, name, scope)
        new = messages.created(name, token, scope)
        if ctx.interaction is not None:
            await answer(ctx, new)
        elif await sent_by_dm(ctx.author, embed=new):
            await answer(ctx, messages.sent_by_dm())
        else:
            await run_action(ctx, actions.revoke_token, name)
            raise Refusal(
                _("I can't send you DMs, and tokens are never posted in a channel."),
                _("Use the slash command `/apitoken create`, or the dashboard."),
            )

    @group.command(name="revoke", extras=PRIVATE)
    @app_commands.describe(name="Which token")
    async def revoke(self, ctx: Context, *, name: str) -> None:
        """Revoke a token. It stops working at once."""
        await run_action(ctx, actions.revoke_token, name)
        await answer(ctx, messages.revoked(name))
