"""`/watchtime` and `/leaderboard`."""

from discord import app_commands
from discord.ext import commands

from core.kit.discord_ui import PRIVATE, answer, guild_id_of
from core.kit.services import Services
from core.watchtime import actions, embeds

Context = commands.Context[commands.Bot]


class Watchtime(commands.Cog):
    """How long viewers watched."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock

    @commands.hybrid_command(name="watchtime", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.describe(kick_name="Name on Kick; without one, how counting works")
    async def watchtime(self, ctx: Context, *, kick_name: str | None = None) -> None:
        """Show how long a viewer has watched, or how counting works."""
        now, guild_id = self._clock(), guild_id_of(ctx)
        if kick_name is None:
            current = await self._database.run(actions.overview, guild_id, now)
            await answer(ctx, embeds.overview(current))
        else:
            found = await self._database.run(actions.standing_of_name, guild_id, kick_name, now)
            await answer(ctx, embeds.standing(found))

    @commands.hybrid_command(name="leaderboard", cooldown_after_parsing=True)
    @commands.guild_only()
    @commands.cooldown(1, 10, commands.BucketType.user)
    @app_commands.describe(top="How many places, 1 to 25")
    async def leaderboard(
        self, ctx: Context, top: commands.Range[int, 1, actions.MOST_PLACES] = 10
    ) -> None:
        """Show who has watched longest."""
        places = await self._database.run(actions.leaderboard, guild_id_of(ctx), top)
        await answer(ctx, embeds.leaderboard(places))
