"""`/missed`: what the realtime feed saw and no webhook told."""

from discord import app_commands
from discord.ext import commands

from core.kick.misses import actions, embeds
from core.kick.misses.buttons import miss_buttons, settle
from core.kit.discord_ui import PRIVATE, answer, guild_id_of
from core.kit.services import Services

Context = commands.Context[commands.Bot]


class Missed(commands.Cog):
    """Gifts, subscriptions and Kicks that Kick's webhooks left out."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @commands.hybrid_group(name="missed", fallback="list", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def missed(self, ctx: Context) -> None:
        """Show what Kick's realtime feed saw and no webhook told."""
        misses = await self._services.database.run(
            actions.list_misses, guild_id_of(ctx), self._services.clock()
        )
        view = miss_buttons(miss.number for miss in misses) if misses else None
        await answer(ctx, embeds.listing(actions.payload(misses)), view)

    @missed.command(name="credit", extras=PRIVATE)
    @app_commands.describe(number="The number in the list")
    async def credit(self, ctx: Context, number: commands.Range[int, 1]) -> None:
        """Count a suspected miss as if its webhook had come. It counts once, whoever asks."""
        await ctx.defer(ephemeral=True)
        await self._settle(ctx, "credit", number)

    @missed.command(name="dismiss", extras=PRIVATE)
    @app_commands.describe(number="The number in the list")
    async def dismiss(self, ctx: Context, number: commands.Range[int, 1]) -> None:
        """Take a suspected miss off the list without counting it."""
        await self._settle(ctx, "dismiss", number)

    async def _settle(self, ctx: Context, act: str, number: int) -> None:
        embed = await settle(self._services, guild_id_of(ctx), act, number, ctx.author.id)
        await answer(ctx, embed)
