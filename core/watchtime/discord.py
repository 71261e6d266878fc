"""`/watchtime`, `/leaderboard`, `/watchhistory`, and the commands of admins."""

from typing import Annotated

from discord import app_commands
from discord.ext import commands

from core.guilds.actions import change_settings
from core.kit.database.work import Work
from core.kit.discord.access import may_manage
from core.kit.discord.arguments import Whole
from core.kit.discord.leaderboard import (
    MAX_ROWS,
    Leaderboard,
    Query,
    leaderboard,
    show_leaderboard,
)
from core.kit.discord.paginator import Page, Paginator, Reader, show
from core.kit.discord.ui import answer, is_in_public, run_action, server_command, server_group
from core.kit.services import Services
from core.kit.text.words import _
from core.people import names
from core.people.actions import find_asked
from core.people.exclusions import discord as exclusions
from core.people.linking.discord import start_button
from core.people.records import Viewer
from core.watchtime import actions, messages, views
from core.watchtime.rules import WatchtimeSettings

Context = commands.Context[commands.Bot]
Minutes = Annotated[
    int, Whole(-actions.MAX_MINUTES, actions.MAX_MINUTES, unit="m", words_follow=True)
]

_WHO = "For moderators: a mention, Discord ID or chat name; default: yourself"
_ANYBODY = "A mention, Discord ID or chat name"


def load_board(work: Work, query: Query) -> Leaderboard:
    """The leaderboard of all time, this month, this week or today."""
    found = views.get_public_board(work, query.choice or "all", query.size, query.page)
    return messages.leaderboard(found)


async def _open_history(reader: Reader, key: str, number: int) -> Page:
    """The key is a viewer."""
    found = await reader.run_action(views.get_history, int(key), number, is_admin=reader.is_admin)
    return Page(messages.history(found), found.page, found.pages, key)


LEADERBOARD = leaderboard("watchtime", "leaderboard", load_board)
HISTORY = Paginator("watch_history", "watchhistory", _open_history)


class Watchtime(commands.Cog):
    """How long viewers watched."""

    def __init__(self, services: Services) -> None:
        self._goals = services.goals

    # -- for everybody ----------------------------------------------------------------------

    @server_command("watchtime", private=True)
    @app_commands.describe(who=_WHO)
    async def watchtime(self, ctx: Context, *, who: str | None = None) -> None:
        """Show your watchtime. Each message counts for 10 minutes while the stream is live.

        Ten minutes is the default; the answer says what this server has set.
        """
        if viewer := await _find_viewer(ctx, who):
            found = await run_action(ctx, views.get_status, viewer, self._goals)
            await answer(ctx, messages.status(found))

    @server_command("leaderboard", cooldown_after_parsing=True)
    @commands.cooldown(1, 10, commands.BucketType.user)
    @app_commands.describe(top="Rows per page, 1 to 25")
    async def leaderboard(self, ctx: Context, top: commands.Range[int, 1, MAX_ROWS] = 10) -> None:
        """Show the watchtime leaderboard: all time, this month, this week or today."""
        await show_leaderboard(ctx, LEADERBOARD, size=top)

    @server_command("watchhistory", private=True)
    @app_commands.describe(who=_WHO)
    async def watchhistory(self, ctx: Context, *, who: str | None = None) -> None:
        """Show where your watchtime came from: each stream and correction."""
        if viewer := await _find_viewer(ctx, who):
            await show(ctx, HISTORY, str(viewer.viewer_id))

    @server_command("hideme", private=True)
    @app_commands.describe(hide="No: show your name again")
    async def hideme(self, ctx: Context, hide: bool = True) -> None:
        """Hide your name on everything public; moderators still see it."""
        await run_action(ctx, names.set_hidden, hide)
        await answer(ctx, messages.hidden(hide))

    # -- for admins -------------------------------------------------------------------------

    @server_group("tracking", for_admins=True, fallback="status")
    async def tracking(self, ctx: Context) -> None:
        """Show whether watchtime is on, who is counted right now, and the settings."""
        await answer(ctx, messages.overview(await run_action(ctx, views.get_overview)))

    @tracking.command(name="on")
    async def switch_on(self, ctx: Context) -> None:
        """Let viewers earn watchtime."""
        await self._switch(ctx, True)

    @tracking.command(name="off")
    async def switch_off(self, ctx: Context) -> None:
        """Stop counting watchtime; totals are kept."""
        await self._switch(ctx, False)

    async def _switch(self, ctx: Context, on: bool) -> None:
        await run_action(ctx, change_settings, WatchtimeSettings, enabled=on)
        await self.tracking(ctx)

    @server_group("watchexclude", for_admins=True, fallback="list")
    async def watchexclude(self, ctx: Context) -> None:
        """List who earns no watchtime, including chat bots."""
        await exclusions.show_excluded(ctx, "watchtime")

    @watchexclude.command(name="add")
    @app_commands.describe(who=_ANYBODY + ", even if never seen in chat")
    async def exclude(self, ctx: Context, *, who: str) -> None:
        """Exclude a viewer from watchtime and the leaderboard, even after a name change."""
        await exclusions.exclude(ctx, who, "watchtime")

    @watchexclude.command(name="remove")
    @app_commands.describe(who=_ANYBODY)
    async def include(self, ctx: Context, *, who: str) -> None:
        """Let somebody earn watchtime again; their earlier watchtime counts again."""
        await exclusions.include(ctx, who, "watchtime")

    @server_command("watchadjust", for_admins=True)
    @app_commands.describe(
        who=_ANYBODY,
        minutes="Such as 90 or 2h; negative removes",
        reason="Shown in the history",
    )
    async def watchadjust(self, ctx: Context, who: str, minutes: Minutes, *, reason: str) -> None:
        """Add or remove somebody's minutes, with a reason shown in their history."""
        key = f"discord:{(ctx.interaction or ctx.message).id}"
        done = await run_action(ctx, actions.adjust, who, minutes, reason, key)
        await answer(ctx, messages.adjusted(done))


async def _find_viewer(ctx: Context, who: str | None) -> Viewer | None:
    """The viewer that a command is about; None if the reply was how to link an account."""
    is_admin, in_public = await may_manage(ctx, __name__), is_in_public(ctx)
    remedy = _("See your own with `/watchtime`, or everybody's rank with `/leaderboard`.")
    viewer = await run_action(
        ctx, find_asked, who, is_admin=is_admin, in_public=in_public, remedy=remedy
    )
    if viewer is None:
        overview = await run_action(ctx, views.get_overview)
        await answer(ctx, messages.not_linked(overview), start_button())
    return viewer
