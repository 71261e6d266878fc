"""`/watchtime`, `/leaderboard`, `/watchhistory`, and what admins have for watchtime."""

import discord
from discord import app_commands
from discord.ext import commands
from sqlalchemy import Connection

from core.kit.discord_access import has_access
from core.kit.discord_ui import PRIVATE, answer, guild_id_of
from core.kit.paginator import show
from core.kit.services import Services
from core.people.exclusions import discord as exclusions
from core.people.linking.buttons import start_button
from core.people.records import Viewer
from core.watchtime import adjustments, embeds, looks
from core.watchtime.actions import set_tracking
from core.watchtime.buttons import HISTORY, LEADERBOARD
from core.watchtime.looks import Overview, Standing

Context = commands.Context[commands.Bot]

_WHO = "For moderators: a mention, a Discord id or a name on Kick; yourself if empty"
_ANYBODY = "A mention, a Discord id or a name on Kick"


class Watchtime(commands.Cog):
    """How long viewers watched."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database = services.database
        self._clock = services.clock

    # -- for everybody ----------------------------------------------------------------------

    @commands.hybrid_command(name="watchtime", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.describe(who=_WHO)
    async def watchtime(self, ctx: Context, *, who: str | None = None) -> None:
        """Show your watchtime: 10 minutes count after each message while the stream is live.

        Ten minutes is the default; the answer says what holds in this server.
        """
        found = await self._database.run(self._look, ctx, who)
        if isinstance(found, Overview):
            await answer(ctx, embeds.not_linked(found), start_button())
        else:
            await answer(ctx, embeds.standing(found))

    def _look(self, tx: Connection, ctx: Context, who: str | None) -> Standing | Overview:
        found = self._find(tx, ctx, who)
        if isinstance(found, Overview):
            return found
        return looks.standing(tx, found, self._clock(), self._services.goals)

    @commands.hybrid_command(name="leaderboard", cooldown_after_parsing=True)
    @commands.guild_only()
    @commands.cooldown(1, 10, commands.BucketType.user)
    @app_commands.describe(top="How many places on a page, 1 to 25")
    async def leaderboard(
        self, ctx: Context, top: commands.Range[int, 1, looks.MOST_PLACES] = 10
    ) -> None:
        """Show who has watched longest: of all time, this month or this week."""
        await show(ctx, LEADERBOARD, f"all.{top}")

    @commands.hybrid_command(name="watchhistory", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.describe(who=_WHO)
    async def watchhistory(self, ctx: Context, *, who: str | None = None) -> None:
        """Show when and why your minutes came: stream by stream, and every correction."""
        found = await self._database.run(self._find, ctx, who)
        if isinstance(found, Overview):
            await answer(ctx, embeds.not_linked(found), start_button())
        else:
            await show(ctx, HISTORY, str(found.viewer_id))

    def _find(self, tx: Connection, ctx: Context, who: str | None) -> Viewer | Overview:
        guild_id, is_admin = guild_id_of(ctx), has_access(tx, ctx, __name__)
        viewer = looks.find_asked(tx, guild_id, who, ctx.author.id, is_admin=is_admin)
        return viewer or looks.overview(tx, guild_id, self._clock())

    # -- for admins -------------------------------------------------------------------------

    @commands.hybrid_group(name="tracking", fallback="status", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def tracking(self, ctx: Context) -> None:
        """Show whether watchtime is counted, for whom right now, and what is set."""
        current = await self._database.run(looks.overview, guild_id_of(ctx), self._clock())
        await answer(ctx, embeds.overview(current))

    @tracking.command(name="on", extras=PRIVATE)
    async def switch_on(self, ctx: Context) -> None:
        """Let viewers earn watchtime."""
        await self._switch(ctx, True)

    @tracking.command(name="off", extras=PRIVATE)
    async def switch_off(self, ctx: Context) -> None:
        """Let messages earn nothing from now on; totals stay."""
        await self._switch(ctx, False)

    async def _switch(self, ctx: Context, on: bool) -> None:
        guild_id = guild_id_of(ctx)
        await self._database.run(set_tracking, guild_id, on, ctx.author.id)
        current = await self._database.run(looks.overview, guild_id, self._clock())
        await answer(ctx, embeds.overview(current))

    @commands.hybrid_group(name="watchexclude", fallback="list", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def watchexclude(self, ctx: Context) -> None:
        """Show who earns no watchtime, chat bots among them."""
        await exclusions.show_excluded(ctx, "watchtime")

    @watchexclude.command(name="add", extras=PRIVATE)
    @app_commands.describe(who=_ANYBODY + ", also one that was never seen")
    async def exclude(self, ctx: Context, *, who: str) -> None:
        """Exclude a viewer from watchtime and the leaderboard, also under another name."""
        await exclusions.exclude(ctx, who, "watchtime")

    @watchexclude.command(name="remove", extras=PRIVATE)
    @app_commands.describe(who=_ANYBODY)
    async def include(self, ctx: Context, *, who: str) -> None:
        """Let somebody earn again; what they had before is back."""
        await exclusions.include(ctx, who, "watchtime")

    @commands.hybrid_command(name="watchadjust", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(
        who=_ANYBODY, minutes="To give; negative takes away", reason="Shown in the history"
    )
    async def watchadjust(
        self,
        ctx: Context,
        who: str,
        minutes: commands.Range[int, -adjustments.MOST_MINUTES, adjustments.MOST_MINUTES],
        *,
        reason: str,
    ) -> None:
        """Give somebody minutes or take some away, with a reason that stays in the history."""
        done = await self._database.run(
            adjustments.adjust,
            guild_id_of(ctx),
            who,
            minutes,
            reason,
            ctx.author.id,
            _cause(ctx),
            self._clock(),
        )
        await answer(ctx, embeds.adjusted(done))


def _cause(ctx: Context) -> str:
    """What makes a correction this one and no other."""
    told: discord.Interaction | discord.Message = ctx.interaction or ctx.message
    return f"discord:{told.id}"
