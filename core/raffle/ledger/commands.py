"""`/tickets` and what else viewers ask about raffles, and how admins change tickets."""

from discord import app_commands
from discord.ext import commands
from sqlalchemy import Connection

from core.kit.discord_access import has_access
from core.kit.discord_ui import PRIVATE, answer, guild_id_of
from core.kit.leaderboard import MOST_ROWS, show_leaderboard
from core.kit.paginator import show
from core.kit.services import Services
from core.people.linking.buttons import start_button
from core.people.records import Viewer
from core.raffle.ledger import embeds, giving, looks, voiding
from core.raffle.ledger.buttons import BOARD, TICKETS, WHY, void_view

Context = commands.Context[commands.Bot]

_WHO = "For moderators: a mention, a Discord id or a name on Kick; yourself if empty"
_ANYBODY = "A mention, a Discord id or a name on Kick"
_REASON = "Shown in the log and to the viewer"

Amount = commands.Range[int, 1, giving.MOST]


class Tickets(commands.Cog):
    """Tickets for the raffle."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock

    # -- for everybody ----------------------------------------------------------------------

    @commands.hybrid_command(name="tickets", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.describe(who=_WHO)
    async def tickets(self, ctx: Context, *, who: str | None = None) -> None:
        """Show your tickets, where they came from, your chance, and when you get the next one."""
        viewer = await self._database.run(self._find_asked, ctx, who)
        await show(ctx, TICKETS, str(viewer.viewer_id) if viewer else "")

    def _find_asked(self, tx: Connection, ctx: Context, who: str | None) -> Viewer | None:
        is_admin = has_access(tx, ctx, __name__)
        return looks.find_asked(tx, guild_id_of(ctx), who, ctx.author.id, is_admin=is_admin)

    @commands.hybrid_command(name="why", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.describe(who=_WHO)
    async def why(self, ctx: Context, *, who: str | None = None) -> None:
        """Show every entry behind your tickets."""
        viewer = await self._database.run(self._find_asked, ctx, who)
        if viewer is None:
            await answer(ctx, embeds.not_linked(), start_button())
        else:
            await show(ctx, WHY, str(viewer.viewer_id))

    @commands.hybrid_command(name="raffleboard", cooldown_after_parsing=True)
    @commands.guild_only()
    @commands.cooldown(1, 10, commands.BucketType.user)
    @app_commands.describe(limit="How many places on a page, 1 to 25")
    async def raffle_board(
        self, ctx: Context, limit: commands.Range[int, 1, MOST_ROWS] = 10
    ) -> None:
        """Show who has the most tickets."""
        await show_leaderboard(ctx, BOARD, size=limit)

    @commands.hybrid_command(name="rafflestats")
    @commands.guild_only()
    @app_commands.describe(who=_WHO + "; the whole server if empty")
    async def raffle_stats(self, ctx: Context, *, who: str | None = None) -> None:
        """Show raffle statistics of the server, or of one person."""
        found = await self._database.run(self._count, ctx, who)
        await answer(ctx, embeds.not_linked() if found is None else embeds.stats(found))

    def _count(self, tx: Connection, ctx: Context, who: str | None) -> looks.Stats | None:
        viewer = None if who is None else self._find_asked(tx, ctx, who)
        if who is not None and viewer is None:
            return None
        return looks.stats(tx, guild_id_of(ctx), viewer, self._clock())

    # -- for admins -------------------------------------------------------------------------

    @commands.hybrid_command(name="rafflegive", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(who=_ANYBODY, amount="How many tickets", reason=_REASON)
    async def raffle_give(
        self, ctx: Context, who: str, amount: Amount, *, reason: str = ""
    ) -> None:
        """Give somebody tickets."""
        await self._change(ctx, who, amount, reason)

    @commands.hybrid_command(name="raffleremove", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(who=_ANYBODY, amount="How many tickets", reason=_REASON)
    async def raffle_remove(
        self, ctx: Context, who: str, amount: Amount, *, reason: str = ""
    ) -> None:
        """Remove tickets from somebody, at most as many as they have."""
        await self._change(ctx, who, -amount, reason)

    async def _change(self, ctx: Context, who: str, amount: int, reason: str) -> None:
        done = await self._database.run(
            giving.change_tickets,
            guild_id_of(ctx),
            who,
            amount,
            reason,
            ctx.author.id,
            str((ctx.interaction or ctx.message).id),
            self._clock(),
        )
        await answer(ctx, embeds.changed_now(done))

    @commands.hybrid_command(name="rafflevoid", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(who=_ANYBODY)
    async def raffle_void(self, ctx: Context, *, who: str) -> None:
        """Remove the tickets of a refunded gift: shows the latest gifts and asks first."""
        given = await self._database.run(voiding.list_given, guild_id_of(ctx), who)
        await answer(ctx, embeds.given(given), void_view(given))
