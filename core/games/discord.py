"""`/games`."""

from discord import app_commands
from discord.ext import commands

from core.games import actions, messages
from core.kit.discord.access import any_of
from core.kit.discord.ui import answer, run_action, server_group

Context = commands.Context[commands.Bot]

MAY_BAN = any_of("games", "slot_calls")
"""Moderators who handle the queue can ban games, too."""


class Games(commands.Cog):
    """The games that viewers can request."""

    @server_group("games", for_admins=True, fallback="status")
    async def games(self, ctx: Context) -> None:
        """Show how many games are known, and how many are banned."""
        await answer(ctx, messages.overview(await run_action(ctx, actions.get_overview)))

    @games.command(name="find")
    @app_commands.describe(name="As a viewer would type it")
    async def find(self, ctx: Context, *, name: str) -> None:
        """Show which game a name matches; typos are fine."""
        await answer(ctx, messages.found(await run_action(ctx, actions.find_game, name)))

    @games.command(name="add", ignore_extra=False)
    @app_commands.describe(
        title="The title", provider="The provider", aliases="Other names, with | between them"
    )
    async def add(self, ctx: Context, title: str, provider: str = "", aliases: str = "") -> None:
        """Add a game, or change its provider and other names."""
        game = await run_action(ctx, actions.save_game, title, provider, aliases)
        await answer(ctx, messages.saved(game))

    @games.command(name="alias", ignore_extra=False)
    @app_commands.describe(title="The game", alias="Another name for the game")
    async def alias(self, ctx: Context, title: str, alias: str) -> None:
        """Add another name that viewers can use for a game."""
        await answer(ctx, messages.saved(await run_action(ctx, actions.add_alias, title, alias)))

    @games.command(name="ban", extras=MAY_BAN)
    @app_commands.describe(title="The game")
    async def ban(self, ctx: Context, *, title: str) -> None:
        """Ban a game so that viewers can't request it."""
        game = await run_action(ctx, actions.ban_game, title)
        await answer(ctx, messages.ban_changed(game))

    @games.command(name="unban", extras=MAY_BAN)
    @app_commands.describe(title="The game")
    async def unban(self, ctx: Context, *, title: str) -> None:
        """Allow a banned game again."""
        game = await run_action(ctx, actions.ban_game, title, banned=False)
        await answer(ctx, messages.ban_changed(game))

    @games.command(name="banned", extras=MAY_BAN)
    async def banned(self, ctx: Context) -> None:
        """List banned games."""
        overview = await run_action(ctx, actions.get_overview)
        await answer(ctx, messages.banned(overview.banned))

    @games.command(name="remove")
    @app_commands.describe(title="The game")
    async def remove(self, ctx: Context, *, title: str) -> None:
        """Remove a game that was added here."""
        await answer(ctx, messages.removed(await run_action(ctx, actions.remove_game, title)))
