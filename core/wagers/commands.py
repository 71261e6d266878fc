"""`/linkshuffle`, `/unlinkshuffle`, `/verifyshuffle` and `/shuffle`."""

from decimal import Decimal

from discord import app_commands
from discord.ext import commands
from sqlalchemy import Connection

from core.kit.discord_access import for_moderators, may_manage
from core.kit.discord_ui import PRIVATE, answer, guild_id_of, refusal_card
from core.kit.paginator import show
from core.kit.services import Services
from core.people import store as people
from core.people.actions import discord_id_in
from core.people.linking.buttons import start_button
from core.wagers import actions, buttons, counted, counting, embeds, status, store, verifying
from core.wagers.paginators import ACCOUNTS
from core.wagers.platforms import SHUFFLE, TITLES, get_platform
from core.wagers.store import Account

Context = commands.Context[commands.Bot]

TITLE = TITLES[SHUFFLE]


class Wagers(commands.Cog):
    """Accounts at Shuffle, and what counts of them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database = services.database
        self._clock = services.clock

    @commands.hybrid_command(name="linkshuffle", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.describe(username="Your username at Shuffle; leave it out to see how it stands")
    async def link_shuffle(self, ctx: Context, *, username: str | None = None) -> None:
        """Link your Shuffle account; once an admin has verified it, wagers count. Adults only."""
        guild_id, discord_id = guild_id_of(ctx), ctx.author.id
        if await self._database.run(people.find_link, guild_id, discord_id) is None:
            await answer(ctx, refusal_card(actions.link_first()), start_button())
            return
        if username is None:
            found = await self._database.run(_own, guild_id, discord_id)
            await answer(ctx, embeds.own(found[0], TITLE, found[1]))
            return
        account = await self._database.run(
            actions.link, guild_id, discord_id, SHUFFLE, username, self._clock()
        )
        await answer(ctx, embeds.linked(account, TITLE))

    @commands.hybrid_command(name="unlinkshuffle", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.describe(
        person="For admins: a mention, a Discord id or a name on Kick; yourself if empty"
    )
    async def unlink_shuffle(self, ctx: Context, *, person: str | None = None) -> None:
        """Unlink your Shuffle account; what was counted stays. You can link again a day later."""
        own = person is None or discord_id_in(person) == ctx.author.id
        if not own and not await may_manage(ctx, __name__):
            raise for_moderators("Manage Server", __name__)
        account = await self._database.run(
            actions.unlink,
            guild_id_of(ctx),
            ctx.author.id,
            None if own else person,
            SHUFFLE,
            self._clock(),
        )
        await answer(ctx, embeds.unlinked(account, TITLE, by_admin=not own))

    @commands.hybrid_command(name="verifyshuffle", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(
        person="A mention, a Discord id or a name on Kick",
        username="Their username at Shuffle; leave it out for the one they have linked",
    )
    async def verify_shuffle(
        self, ctx: Context, person: str, *, username: str | None = None
    ) -> None:
        """Say that a Shuffle account under your campaign code is theirs: wagers count from now."""
        guild = ctx.guild
        assert guild is not None, "the command is guild_only"
        candidate = await self._database.run(
            verifying.get_candidate, guild.id, person, SHUFFLE, username
        )
        await answer(ctx, await buttons.verify(self._services, guild, candidate, ctx.author.id))

    @commands.hybrid_group(name="shuffle", fallback="status", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def shuffle(self, ctx: Context) -> None:
        """Show when Shuffle answered last, who waits to be verified, and what looks odd."""
        current = await self._database.run(
            status.get_status, guild_id_of(ctx), SHUFFLE, self._clock()
        )
        platform = get_platform(self._services.settings, SHUFFLE)
        await answer(ctx, embeds.status(current, is_set_up=platform.is_set_up))

    @shuffle.command(name="accounts", extras=PRIVATE)
    async def show_accounts(self, ctx: Context) -> None:
        """Show every linked Shuffle account and whose it is."""
        await show(ctx, ACCOUNTS)

    @shuffle.command(name="count", extras=PRIVATE)
    @app_commands.describe(number="As `/shuffle status` shows it")
    async def count_held(self, ctx: Context, number: commands.Range[int, 1, 2**53]) -> None:
        """Count a held amount: it was really wagered."""
        amount: Decimal = await self._database.run(
            counting.release, guild_id_of(ctx), number, ctx.author.id, self._clock()
        )
        await answer(ctx, embeds.counted(amount, number))

    @shuffle.command(name="dismiss", extras=PRIVATE)
    @app_commands.describe(number="As `/shuffle status` shows it")
    async def dismiss_held(self, ctx: Context, number: commands.Range[int, 1, 2**53]) -> None:
        """Dismiss a held amount: Shuffle reported a wrong total."""
        amount: Decimal = await self._database.run(
            counting.dismiss, guild_id_of(ctx), number, ctx.author.id, self._clock()
        )
        await answer(ctx, embeds.dismissed(amount, number))


def _own(tx: Connection, guild_id: int, discord_id: int) -> tuple[Account | None, Decimal | None]:
    own = people.find_link(tx, guild_id, discord_id)
    account = store.find_of_viewer(tx, guild_id, SHUFFLE, own.viewer_id) if own else None
    if account is None:
        return None, None
    return account, counted.get_counted(tx, guild_id, account.account_id)
