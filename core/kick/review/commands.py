"""`/missed`: the review queue."""

from discord import app_commands
from discord.ext import commands

from core.kick.review import duplicates, embeds
from core.kick.review.buttons import review_buttons, settle
from core.kit.discord_ui import PRIVATE, answer, guild_id_of
from core.kit.services import Services

Context = commands.Context[commands.Bot]


class Missed(commands.Cog):
    """Gifts, subscriptions and Kicks that Kick missed or sent twice."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @commands.hybrid_group(name="missed", fallback="list", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def missed(self, ctx: Context) -> None:
        """List events Kick may have missed or sent twice."""
        found = await self._services.database.run(
            duplicates.listing, guild_id_of(ctx), self._services.clock()
        )
        view = review_buttons(found["events"]) if found["count"] else None
        await answer(ctx, embeds.listing(found), view)

    @missed.command(name="credit", extras=PRIVATE)
    @app_commands.describe(number="The number in the list")
    async def credit(self, ctx: Context, number: commands.Range[int, 1]) -> None:
        """Count a missed event as if Kick had sent it. It counts only once."""
        await self._settle(ctx, "credit", number)

    @missed.command(name="dismiss", extras=PRIVATE)
    @app_commands.describe(number="The number in the list")
    async def dismiss(self, ctx: Context, number: commands.Range[int, 1]) -> None:
        """Remove an event from the list without counting anything."""
        await self._settle(ctx, "dismiss", number)

    @missed.command(name="undo", extras=PRIVATE)
    @app_commands.describe(number="The number in the list")
    async def undo(self, ctx: Context, number: commands.Range[int, 1]) -> None:
        """Stop counting a subscription that was really the same gift."""
        await self._settle(ctx, "undo", number)

    async def _settle(self, ctx: Context, act: str, number: int) -> None:
        embed = await settle(self._services, guild_id_of(ctx), act, number, ctx.author.id)
        await answer(ctx, embed)
