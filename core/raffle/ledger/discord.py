"""`/tickets`, `/why`, `/raffleboard` and `/rafflestats`, and how admins change tickets."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

import discord
from discord import app_commands
from discord.ext import commands
from sqlalchemy import Row

from core.kit.database.work import Work
from core.kit.discord.access import is_admin, may_manage
from core.kit.discord.arguments import Whole
from core.kit.discord.errors import handle_errors
from core.kit.discord.leaderboard import (
    MAX_ROWS,
    Leaderboard,
    Query,
    leaderboard,
    show_leaderboard,
)
from core.kit.discord.paginator import Page, Paginator, Reader, link_to, nearest_page, show
from core.kit.discord.ui import (
    answer,
    is_in_public,
    reply_privately,
    run_action,
    server_command,
    view_of,
)
from core.kit.text.words import _, plural
from core.people.actions import find_asked
from core.people.linking.discord import StartButton, start_button
from core.people.names import named_only, own_name
from core.people.records import Viewer
from core.people.store import find_link
from core.raffle.ledger import actions, gifts, messages, store
from core.raffle.records import SourceTotal
from core.raffle.store import get_shown

Context = commands.Context[commands.Bot]
Select = discord.ui.Select[discord.ui.View]
Amount = Annotated[int, Whole(1, actions.MAX_TICKETS, words_follow=True)]

ENTRIES_PER_PAGE = 12

_WHO = "For moderators: a mention, a Discord id or a name in chat; default: you"
_ANY_VIEWER = "A mention, a Discord id or a name in chat"
_REASON = "Shown to the viewer and in the log"

# -- lists ----------------------------------------------------------------------------------------


async def _open_why(reader: Reader, key: str, number: int) -> Page:
    return await reader.run_action(_load_why, key, number, reader.is_admin)


def _load_why(work: Work, key: str, page: int, is_admin: bool) -> Page:
    """The key is a viewer, and on later pages also the number of the raffle."""
    viewer_id, _dot, raffle = key.partition(".")
    viewer = actions.find_visible(work, int(viewer_id), is_admin=is_admin)
    assert viewer is not None, "a viewer was given"
    number = get_shown(work, int(raffle or 0)).number
    count, tickets = store.count_entries(work, number, viewer.viewer_id)
    page, pages = nearest_page(page, count, ENTRIES_PER_PAGE)
    shown = (ENTRIES_PER_PAGE, (page - 1) * ENTRIES_PER_PAGE)
    entries = store.list_entries(work, number, viewer.viewer_id, *shown)
    embed = messages.why(viewer, number, tickets, entries)
    return Page(embed, page, pages, f"{viewer_id}.{number}")


async def _open_tickets(reader: Reader, key: str, _number: int) -> Page:
    """The key is a viewer; by default the reader."""
    viewer_id = int(key) if key else None
    found = await reader.run_action(actions.get_standing, viewer_id, is_admin=reader.is_admin)
    if found is None:
        return Page(messages.not_linked(), below=(StartButton(),))
    below = (link_to(_("How to earn"), "raffle_info"), board_button())
    return Page(messages.standing(found), key=key, below=below)


def load_board(work: Work, query: Query) -> Leaderboard:
    """Viewers by tickets, with their chance. The choice is the raffle's number, so that all pages
    show the same raffle."""
    period = get_shown(work, int(query.choice or 0))
    link = find_link(work, work.actor)
    pool = store.get_pool(work, period.number)
    page, pages = nearest_page(query.page, pool.viewers, query.size)
    shown = (query.size, (page - 1) * query.size)
    places, own = store.list_places(work, period.number, *shown, link.viewer_id if link else None)
    shown_places, names = named_only(work, places)
    viewers = plural("{count} viewer", "{count} viewers", pool.viewers)
    when = messages.when_words(period, period.ends_at <= work.now)
    cannot_win = _("no eligible tickets. Details: `/tickets`") if link else None
    return Leaderboard(
        title=_("Raffle #{number}: most tickets").format(number=period.number),
        rows=[messages.board_row(place, names[place.viewer_id], pool) for place in shown_places],
        page=page,
        pages=pages,
        own=messages.board_row(own, own_name(work, own.viewer_id), pool) if own else cannot_win,
        empty=_("Everyone with tickets is hidden.")
        if places
        else _("Nobody has a ticket yet. See how to earn them with `/raffleinfo`."),
        note=f"{viewers} · {messages.tickets_words(pool.tickets)} · {when}",
        choice=str(period.number),
    )


WHY = Paginator("why", "why", _open_why)
BOARD = leaderboard("raffle_board", "raffleboard", load_board)
TICKETS = Paginator("raffle_tickets", "tickets", _open_tickets)


def board_button() -> discord.ui.Item[Any]:
    """Button that opens a private copy of the leaderboard. Needs a running event loop."""
    return link_to(_("Board"), BOARD.name, "10.")


def _load_stats(work: Work, viewer: Viewer | None) -> discord.Embed:
    """Of the server's raffles, or of a viewer."""
    number = get_shown(work).number
    if viewer is None:
        pool, which = store.get_pool(work, number), SourceTotal.period == number
    else:
        pool, which = None, SourceTotal.viewer_id == viewer.viewer_id
    taken = store.list_taken(work, viewer.viewer_id if viewer else None)
    return messages.stats(viewer, pool, store.list_sources(work, which), taken)


class Tickets(commands.Cog):
    """Tickets for the raffle."""

    @server_command("tickets", private=True)
    @app_commands.describe(who=_WHO)
    async def tickets(self, ctx: Context, *, who: str | None = None) -> None:
        """Show your tickets, where they came from, your chance and your next ticket."""
        viewer = await self._find_asked(ctx, who)
        await show(ctx, TICKETS, str(viewer.viewer_id) if viewer else "")

    async def _find_asked(self, ctx: Context, who: str | None) -> Viewer | None:
        """The viewer whose tickets are requested; None if the asker means themselves and is not
        linked."""
        remedy = _("Use `/raffleboard` to see who has the most.")
        is_admin, in_public = await may_manage(ctx, __name__), is_in_public(ctx)
        return await run_action(
            ctx, find_asked, who, is_admin=is_admin, in_public=in_public, remedy=remedy
        )

    @server_command("why", private=True)
    @app_commands.describe(who=_WHO)
    async def why(self, ctx: Context, *, who: str | None = None) -> None:
        """Show every entry behind your tickets."""
        viewer = await self._find_asked(ctx, who)
        if viewer is None:
            await answer(ctx, messages.not_linked(), start_button())
        else:
            await show(ctx, WHY, str(viewer.viewer_id))

    @server_command("raffleboard", cooldown_after_parsing=True)
    @commands.cooldown(1, 10, commands.BucketType.user)
    @app_commands.describe(limit="Rows per page, 1 to 25")
    async def raffle_board(
        self, ctx: Context, limit: commands.Range[int, 1, MAX_ROWS] = 10
    ) -> None:
        """Show who has the most tickets."""
        await show_leaderboard(ctx, BOARD, size=limit)

    @server_command("rafflestats")
    @app_commands.describe(who=_WHO + "; default: the whole server")
    async def raffle_stats(self, ctx: Context, *, who: str | None = None) -> None:
        """Show raffle statistics for the server or one viewer."""
        viewer = await self._find_asked(ctx, who) if who else None
        if who and viewer is None:
            await answer(ctx, messages.not_linked())
        else:
            await answer(ctx, await run_action(ctx, _load_stats, viewer))

    # -- for admins -------------------------------------------------------------------------

    @server_command("rafflegive", for_admins=True)
    @app_commands.describe(
        who=_ANY_VIEWER, amount="Number of tickets, such as 5 or 1k", reason=_REASON
    )
    async def raffle_give(
        self, ctx: Context, who: str, amount: Amount, *, reason: str = ""
    ) -> None:
        """Give tickets to a viewer."""
        await self._change(ctx, who, amount, reason)

    @server_command("raffleremove", for_admins=True)
    @app_commands.describe(
        who=_ANY_VIEWER, amount="Number of tickets, such as 5 or 1k", reason=_REASON
    )
    async def raffle_remove(
        self, ctx: Context, who: str, amount: Amount, *, reason: str = ""
    ) -> None:
        """Remove tickets from a viewer."""
        await self._change(ctx, who, -amount, reason)

    async def _change(self, ctx: Context, who: str, amount: int, reason: str) -> None:
        cause = str((ctx.interaction or ctx.message).id)
        done = await run_action(ctx, actions.change_tickets, who, amount, reason, cause)
        await answer(ctx, messages.changed(done, amount))

    @server_command("rafflevoid", for_admins=True)
    @app_commands.describe(who=_ANY_VIEWER)
    async def raffle_void(self, ctx: Context, *, who: str) -> None:
        """Remove the tickets of a refunded gift; lets you choose from the latest gifts."""
        drops = await run_action(ctx, gifts.list_given, who)
        await answer(ctx, messages.given(drops), void_view(drops))


# -- voiding --------------------------------------------------------------------------------------


def void_view(drops: Sequence[Row[Any]]) -> discord.ui.View | None:
    """The menu of gifts that can be voided; None if there are none. Needs a running event loop."""
    options = [
        discord.SelectOption(
            label=plural("{count} gifted sub", "{count} gifted subs", drop.gifts),
            value=drop.drop,
            description=f"{drop.at:%Y-%m-%d %H:%M:%S} UTC · {messages.tickets_words(drop.tickets)}",
        )
        for drop in drops
        if drop.gifts > 0
    ]
    return view_of(VoidChoice(options)) if options else None


class VoidChoice(discord.ui.DynamicItem[Select], template=r"raffle:void"):
    """Lets an admin choose a refunded gift."""

    def __init__(self, options: list[discord.SelectOption] | None = None) -> None:
        super().__init__(
            discord.ui.Select(
                custom_id="raffle:void",
                placeholder=_("Choose a gift …"),
                options=options or [discord.SelectOption(label="?")],
            )
        )

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], _match: re.Match[str]
    ) -> "VoidChoice":
        return cls()

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await is_admin(interaction, __name__)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            done = await run_action(interaction, gifts.void_drop, self.item.values[0])
            await reply_privately(interaction, messages.voided(done))
