"""`/raffleinfo`, and the commands with which admins start, end and move raffles."""

from discord import app_commands
from discord.ext import commands

from core.kit.discord_ui import PRIVATE, answer, guild_id_of
from core.kit.paginator import show
from core.kit.services import Services
from core.raffle.actions import find_problem
from core.raffle.config import config_of
from core.raffle.ledger.reading import get_pool
from core.raffle.periods import actions, embeds
from core.raffle.periods.buttons import INFO, change_view
from core.raffle.periods.rules import parse_date
from core.raffle.records import Period

Context = commands.Context[commands.Bot]

Day = commands.Range[int, 1, 31]
Number = commands.Range[int, 1, 999_999_999]


class RaffleCalendar(commands.Cog):
    """What runs, and when raffles begin and end."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock
        self._config = config_of(services.settings)

    @commands.hybrid_command(name="raffleinfo")
    @commands.guild_only()
    async def raffle_info(self, ctx: Context) -> None:
        """Show the raffle: prize, time left, how to earn tickets, how it is drawn, last winners."""
        await show(ctx, INFO)

    @commands.hybrid_command(name="rafflestart", extras=PRIVATE, ignore_extra=False)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(
        start_day="Day of this month; now if empty",
        end_day="Its last day, included; the month's last if empty",
    )
    async def raffle_start(
        self, ctx: Context, start_day: Day | None = None, end_day: Day | None = None
    ) -> None:
        """Open a raffle; after it, a new one opens by itself on the 1st of each month."""
        guild_id = guild_id_of(ctx)
        opened = await self._database.run(
            actions.start, self._config, guild_id, start_day, end_day, ctx.author.id, self._clock()
        )
        await self._tell_opened(ctx, opened)

    async def _tell_opened(self, ctx: Context, opened: Period) -> None:
        problem = await self._database.run(find_problem, opened.guild_id)
        await answer(ctx, embeds.opened(opened, problem))

    @commands.hybrid_command(name="raffleend", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def raffle_end(self, ctx: Context) -> None:
        """End the raffle now; asks first. No new one opens until `/rafflestart`."""
        now = self._clock()
        period = await self._database.run(actions.get_to_change, guild_id_of(ctx), now)
        await self._ask(ctx, "end", period)

    @commands.hybrid_command(name="rafflerestart", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def raffle_restart(self, ctx: Context) -> None:
        """End the raffle and start one with zero tickets and the same end date; asks first."""
        now = self._clock()
        period = await self._database.run(actions.get_running, guild_id_of(ctx), now)
        await self._ask(ctx, "restart", period)

    @commands.hybrid_command(name="rafflecancel", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(raffle="Number of the raffle; the one that runs if empty")
    async def raffle_cancel(self, ctx: Context, raffle: Number | None = None) -> None:
        """Cancel a raffle: nobody wins, and its tickets no longer count; asks first."""
        now = self._clock()
        period = await self._database.run(actions.get_to_cancel, guild_id_of(ctx), raffle, now)
        await self._ask(ctx, "cancel", period)

    async def _ask(self, ctx: Context, what: str, period: Period) -> None:
        now = self._clock()
        pool = await self._database.run(get_pool, period.guild_id, period.number, now)
        view = change_view(what, period.number, ctx.author.id)
        await answer(ctx, embeds.question(what, period, pool, now), view)

    @commands.hybrid_command(name="rafflesetdate", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(
        start="First day, such as 2026-12-01", end="Last day, included, such as 2026-12-24"
    )
    async def raffle_set_date(self, ctx: Context, start: str, end: str) -> None:
        """Change the dates of the current or next raffle, or open one with them."""
        moved = await self._database.run(
            actions.set_dates,
            self._config,
            guild_id_of(ctx),
            parse_date(start),
            parse_date(end),
            ctx.author.id,
            self._clock(),
        )
        await answer(ctx, embeds.moved(moved))
