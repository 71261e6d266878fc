"""`/points` for viewers and `/pointsadmin` for admins."""

from datetime import timedelta
from typing import Annotated

import discord
from discord import app_commands
from discord.ext import commands

from core.guilds.actions import load_settings
from core.kit.database.work import Work
from core.kit.discord.access import may_manage, rights_of
from core.kit.discord.arguments import Whole
from core.kit.discord.buttons import AdminButton, Face, button_rows
from core.kit.discord.errors import gone
from core.kit.discord.leaderboard import (
    MAX_ROWS,
    Leaderboard,
    Query,
    Row,
    leaderboard,
    show_leaderboard,
)
from core.kit.discord.paginator import Page, Paginator, Reader, nearest_page, show
from core.kit.discord.ui import PRIVATE, answer, is_in_public, run_action, server_group
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.people.actions import find_asked, find_own, not_shown
from core.people.linking.discord import start_button
from core.people.lookup import find_person
from core.people.names import named_only, own_name, public_name
from core.people.records import Viewer
from core.people.store import find_link, get_viewer
from core.points import actions, imports, messages, store
from core.points.rules import MAX_POINTS, PointsSettings
from core.points.shop import Shop

Context = commands.Context[commands.Bot]

ENTRIES_PER_PAGE = 12
DAYS = 30
"""Days shown in the economy."""

_ANY_VIEWER = "A mention, a Discord id or a name in chat"
_AMOUNT = "Such as 500, 5k, 50% or all"
_REASON = "Shown to the viewer and in the audit log"

# -- lists ----------------------------------------------------------------------------------------


def load_board(work: Work, query: Query) -> Leaderboard:
    """The leaderboard now, or at the end of the chosen season."""
    settings = load_settings(work, PointsSettings)
    actions.require_own(settings)
    season = int(query.choice) if query.choice.isdecimal() else 0
    ended = [past for past in store.list_seasons(work) if past.ended_at is not None]
    found = store.list_places(work, query.size, (query.page - 1) * query.size, season)
    total = found[0].people if found else 0
    if not found and query.page > 1:
        first = store.list_places(work, 1, 0, season)
        total = first[0].people if first else 0
    page, pages = nearest_page(query.page, total, query.size)
    if page != query.page:
        found = store.list_places(work, query.size, (page - 1) * query.size, season)
    link = find_link(work, work.actor)
    own: Row | str | None = None
    if link is not None:
        place = store.get_place(work, link.viewer_id, season)
        own = _("no points yet")
        if place is not None:
            own = Row(place.rank, own_name(work, link.viewer_id), f"{place.points:,}")
    shown, names = named_only(work, found)
    choices = {"now": _("Now")} | {
        str(past.number): _("Season {number}").format(number=past.number) for past in ended[:24]
    }
    return Leaderboard(
        title=_("Season {number}").format(number=season)
        if season
        else settings.plural.capitalize(),
        rows=[Row(place.rank, names[place.viewer_id], f"{place.points:,}") for place in shown],
        page=page,
        pages=pages,
        own=own,
        empty=_("Nobody has points yet."),
        choice=str(season) if season else "now",
        choices=choices if ended else {},
    )


BOARD = leaderboard("points_board", "points board", load_board)


async def _open_why(reader: Reader, key: str, number: int) -> Page:
    return await reader.run_action(_load_why, int(key), number, reader.is_admin)


def _load_why(work: Work, viewer_id: int, page: int, is_admin: bool) -> Page:
    accounts = store.accounts_of(work, viewer_id)
    own = find_own(work)
    if not is_admin and (own is None or own.viewer_id not in accounts):
        raise Refusal(_("These are someone else's points."))
    count = store.count_entries(work, accounts)
    page, pages = nearest_page(page, count, ENTRIES_PER_PAGE)
    entries = store.list_entries(work, accounts, ENTRIES_PER_PAGE, (page - 1) * ENTRIES_PER_PAGE)
    viewer = get_viewer(work.tx, work.guild_id, viewer_id)
    embed = messages.why(viewer, store.list_totals(work, accounts), entries, count)
    return Page(embed, page, pages, str(viewer_id))


WHY = Paginator("points_why", "points why", _open_why)
"""Its key is a viewer id."""


class SeasonButton(AdminButton, address="points_season", acts=("end",)):
    """Ends the season with this number."""

    @staticmethod
    def face(act: str) -> Face:
        return {"end": (_("End the season"), discord.ButtonStyle.danger)}[act]

    async def press(self, interaction: discord.Interaction) -> discord.Embed:
        return messages.season_ended(await run_action(interaction, actions.end_season, self.number))


class ImportButton(AdminButton, address="points_import", acts=("show", "confirm", "cancel")):
    """Shows, confirms or cancels the import with this number."""

    @staticmethod
    def face(act: str) -> Face:
        return {
            "show": (_("Show the preview"), discord.ButtonStyle.primary),
            "confirm": (_("Import"), discord.ButtonStyle.success),
            "cancel": (_("Cancel"), discord.ButtonStyle.danger),
        }[act]

    async def press(self, interaction: discord.Interaction) -> discord.Embed:
        if self.act == "confirm":
            done = await run_action(interaction, imports.confirm, self.number)
            return messages.imported(*done)
        if self.act == "cancel":
            await run_action(interaction, imports.cancel, self.number)
            return messages.import_cancelled()
        preview = await run_action(interaction, imports.preview)
        if preview is None:
            raise gone()
        return messages.import_preview(preview)


# -- commands -------------------------------------------------------------------------------------


def _own(work: Work) -> Viewer:
    """The actor's account; raises Refusal if they have not linked one."""
    viewer = find_own(work)
    if viewer is None:
        raise Refusal(
            _("Your account is not linked yet."),
            _("Link it with `/link`. Limits and breaks also work in chat: `!points limit 500`."),
        )
    return viewer


class Points(commands.Cog):
    """Points of this server."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    @server_group("points", private=True, fallback="balance")
    @app_commands.describe(who=_ANY_VIEWER + "; default: you")
    async def points(self, ctx: Context, *, who: str | None = None) -> None:
        """Show your points or another viewer's."""
        may_see = not is_in_public(ctx) and await may_manage(ctx, __name__)

        def load(work: Work) -> discord.Embed | None:
            viewer = find_person(work, who, meant=store.HAS_POINTS) if who else find_own(work)
            if viewer is None:
                return None
            accounts = store.accounts_of(work, viewer.viewer_id)
            own = find_own(work)
            is_own = own is not None and own.viewer_id in accounts
            if not (may_see or is_own or own_name(work, viewer.viewer_id)):
                raise not_shown()
            buckets: dict[str, int] = {}
            for (_account, bucket), points in store.get_balances(work, accounts).items():
                buckets[bucket] = buckets.get(bucket, 0) + points
            place = store.get_place(work, viewer.viewer_id)
            settings = load_settings(work, PointsSettings)
            actions.require_own(settings)
            return messages.balance(viewer, settings, buckets, place.rank if place else None)

        found = await run_action(ctx, load)
        if found is None:
            await answer(ctx, messages.not_linked(), start_button())
        else:
            await answer(ctx, found)

    @points.command(name="give")
    @app_commands.describe(who=_ANY_VIEWER, amount=_AMOUNT)
    async def give(self, ctx: Context, who: str, amount: str) -> None:
        """Give points to another viewer."""
        cause = str((ctx.interaction or ctx.message).id)

        def act(work: Work) -> discord.Embed:
            to = find_person(work, who, meant=store.HAS_POINTS)
            gift = actions.give(work, _own(work).viewer_id, to, amount, f"discord:{cause}")
            settings = load_settings(work, PointsSettings)
            name = public_name(work, to.viewer_id)
            return messages.given(settings, name, gift.amount, gift.left)

        await answer(ctx, await run_action(ctx, act))

    @points.command(name="board")
    @app_commands.describe(limit="Rows per page, 1 to 25")
    async def board(self, ctx: Context, limit: commands.Range[int, 1, MAX_ROWS] = 10) -> None:
        """Show who has the most points, now or at the end of a season."""
        await show_leaderboard(ctx, BOARD, size=limit)

    @points.command(name="why", extras=PRIVATE)
    @app_commands.describe(who="For moderators: " + _ANY_VIEWER + "; default: you")
    async def why(self, ctx: Context, *, who: str | None = None) -> None:
        """Show where your points came from."""
        remedy = _("Use `/points board` to see who has the most.")
        is_admin, in_public = await may_manage(ctx, __name__), is_in_public(ctx)
        viewer = await run_action(
            ctx, find_asked, who, is_admin=is_admin, in_public=in_public, remedy=remedy
        )
        if viewer is None:
            await answer(ctx, messages.not_linked(), start_button())
        else:
            await show(ctx, WHY, str(viewer.viewer_id))

    @points.command(name="buy", extras=PRIVATE)
    @app_commands.describe(
        what="What and how many, such as tickets 5; leave empty to see what's on sale"
    )
    async def buy(self, ctx: Context, *, what: str = "") -> None:
        """Buy something with your points."""
        cause = str((ctx.interaction or ctx.message).id)

        def act(work: Work) -> discord.Embed:
            settings = load_settings(work, PointsSettings)
            if not what:
                priced = [
                    (priced.offer.words[0], priced.offer.say(1), priced.price)
                    for priced in self._shop.list_priced(work)
                ]
                return messages.offers(settings, priced)
            bought = self._shop.buy(work, _own(work).viewer_id, what, f"discord:{cause}")
            return messages.bought(self._shop.describe(bought), settings, bought.points)

        await answer(ctx, await run_action(ctx, act))

    # -- responsible play -------------------------------------------------------------------

    @points.command(name="limit", extras=PRIVATE)
    @app_commands.describe(loss="Points you can lose per day; `none` for no limit")
    async def limit(self, ctx: Context, loss: str = "") -> None:
        """Show or set your daily loss limit in games."""

        def act(work: Work) -> discord.Embed:
            viewer_id = _own(work).viewer_id
            actions.set_limit_from_text(work, viewer_id, loss)
            work.flush()
            return messages.limit(*actions.get_limit(work, viewer_id))

        await answer(ctx, await run_action(ctx, act))

    @points.command(name="break", extras=PRIVATE)
    @app_commands.describe(days="How many days, such as 7 or 2 weeks; this can't be undone")
    async def take_break(
        self, ctx: Context, *, days: Annotated[int, Whole(1, 366, unit="d")]
    ) -> None:
        """Take a break from games. It can't be shortened."""

        def act(work: Work) -> discord.Embed:
            viewer_id = _own(work).viewer_id
            actions.take_break(work, viewer_id, timedelta(days=days))
            work.flush()
            return messages.limit(*actions.get_limit(work, viewer_id))

        await answer(ctx, await run_action(ctx, act))

    @points.command(name="economy", extras=PRIVATE)
    async def economy(self, ctx: Context) -> None:
        """Show how many points were created and spent recently, by source."""

        def load(work: Work) -> discord.Embed:
            found = actions.get_economy(work, DAYS)
            return messages.economy(found.supply, found.given, found.taken, DAYS)

        await answer(ctx, await run_action(ctx, load))


Amount = Annotated[int, Whole(0, MAX_POINTS, words_follow=True)]


class PointsAdmin(commands.Cog):
    """Change points, import them, and end a season."""

    @server_group("pointsadmin", for_admins=True, fallback="status")
    async def pointsadmin(self, ctx: Context) -> None:
        """Show the points settings, and how many points viewers have."""

        def load(work: Work) -> discord.Embed:
            supply = store.get_supply(work)
            return messages.status(load_settings(work, PointsSettings), sum(supply.values()))

        await answer(ctx, await run_action(ctx, load))

    @pointsadmin.command(name="add")
    @app_commands.describe(
        who=_ANY_VIEWER, amount="Number of points, such as 500 or 5k", reason=_REASON
    )
    async def add(self, ctx: Context, who: str, amount: Amount, *, reason: str = "") -> None:
        """Add points to a viewer's balance."""
        await self._change(ctx, who, "add", amount, reason)

    @pointsadmin.command(name="remove")
    @app_commands.describe(
        who=_ANY_VIEWER, amount="Number of points, such as 500 or 5k", reason=_REASON
    )
    async def remove(self, ctx: Context, who: str, amount: Amount, *, reason: str = "") -> None:
        """Remove points from a viewer's balance."""
        await self._change(ctx, who, "remove", amount, reason)

    @pointsadmin.command(name="set")
    @app_commands.describe(who=_ANY_VIEWER, amount="The new balance", reason=_REASON)
    async def set_points(self, ctx: Context, who: str, amount: Amount, *, reason: str = "") -> None:
        """Set a viewer's balance."""
        await self._change(ctx, who, "set", amount, reason)

    async def _change(
        self, ctx: Context, who: str, change: actions.Change, amount: int, reason: str
    ) -> None:
        cause = str((ctx.interaction or ctx.message).id)

        def act(work: Work) -> discord.Embed:
            viewer, now = actions.change_points(work, who, change, amount, reason, cause)
            return messages.changed(viewer, load_settings(work, PointsSettings), now)

        await answer(ctx, await run_action(ctx, act))

    @pointsadmin.command(name="role")
    @app_commands.describe(
        role="Members with this role get points",
        amount="Points for each member, such as 500 or 5k",
        reason=_REASON,
    )
    async def role(
        self, ctx: Context, role: discord.Role, amount: Amount, *, reason: str = ""
    ) -> None:
        """Give points to every member with a role and a linked account."""
        cause = str((ctx.interaction or ctx.message).id)
        members = [member.id for member in role.members]

        def act(work: Work) -> discord.Embed:
            count = actions.grant_members(work, members, amount, reason, cause)
            return messages.granted(load_settings(work, PointsSettings), amount, count)

        await answer(ctx, await run_action(ctx, act))

    @pointsadmin.command(name="import")
    async def import_points(self, ctx: Context) -> None:
        """Import balances from StreamElements, after a preview."""

        def act(work: Work) -> imports.Preview:
            if imports.find_open(work) is None:
                imports.start_reading(work)
                work.flush()
            found = imports.preview(work)
            assert found is not None, "it was started"
            return found

        preview = await run_action(ctx, act)
        number = preview.import_.number
        acts = ("confirm", "cancel") if preview.import_.state == "ready" else ("show", "cancel")
        buttons = button_rows([[ImportButton(act, number) for act in acts]])
        await answer(ctx, messages.import_preview(preview), buttons)

    @pointsadmin.command(name="season", extras=rights_of(actions.end_season))
    async def season(self, ctx: Context) -> None:
        """End the season and reset everyone to zero; asks for confirmation."""

        def load(work: Work) -> tuple[int, int, int]:
            places = store.list_places(work, 1, 0)
            held = sum(store.get_supply(work).values())
            return store.current_season(work), held, places[0].people if places else 0

        number, held, people = await run_action(ctx, load)
        buttons = button_rows([[SeasonButton("end", number)]])
        await answer(ctx, messages.confirm_season(number, held, people), buttons)
