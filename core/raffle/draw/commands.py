"""The draw's Discord commands."""

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.discord_ui import PRIVATE, answer, card, guild_id_of, safe
from core.kit.services import Services
from core.kit.words import _
from core.raffle.config import config_of
from core.raffle.draw import actions, embeds, excluding, exclusions, publishing, winning
from core.raffle.draw.buttons import draw_view

Context = commands.Context[commands.Bot]

Number = commands.Range[int, 1, 999_999_999]

MOST_SHOWN = 10


class Draws(commands.Cog):
    """Drawing a raffle's winners, and proving it."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock
        self._config = config_of(services.settings)

    @commands.hybrid_command(name="raffledraw", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(
        raffle="Number of the raffle; the oldest one that waits for its draw if empty",
        without_beacon="Draw at once, without the public beacon; this is announced",
    )
    async def raffle_draw(
        self, ctx: Context, raffle: Number | None = None, without_beacon: bool = False
    ) -> None:
        """Draw a raffle that has ended: shows what will happen and asks first."""
        guild_id, now = guild_id_of(ctx), self._clock()
        overdue = await self._database.run(actions.find_overdue, guild_id, now, raffle)
        if overdue is not None:
            view = draw_view(overdue.period, "give_up", ctx.author.id)
            await answer(ctx, embeds.give_up_question(overdue), view)
            return
        found = await self._database.run(actions.preview, guild_id, now, raffle)
        how = "without" if without_beacon else "beacon"
        view = draw_view(found.period.number, how, ctx.author.id)
        await answer(ctx, embeds.question(found, not without_beacon), view)

    @commands.hybrid_command(name="rafflehistory")
    @commands.guild_only()
    async def raffle_history(self, ctx: Context) -> None:
        """Show the last raffles: when they were frozen, who won, and where to verify it."""
        past = await self._database.run(
            publishing.list_past, self._config, guild_id_of(ctx), MOST_SHOWN
        )
        await answer(ctx, embeds.history(past))

    @commands.hybrid_command(name="raffleproof", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.describe(raffle="Number of the raffle; the newest one with you in it by default")
    async def raffle_proof(self, ctx: Context, raffle: Number | None = None) -> None:
        """Show your own entry in a frozen list, and how to check that it is yours."""
        found = await self._database.run(
            publishing.get_proof, self._config, guild_id_of(ctx), ctx.author.id, raffle
        )
        await answer(ctx, embeds.proof(found), embeds.proof_view(found))

    @commands.hybrid_command(name="raffledelivered", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(winner="Who has the prize now: a mention, or the name on Kick")
    async def raffle_delivered(self, ctx: Context, *, winner: str) -> None:
        """Mark a prize as delivered to its winner."""
        pick = await self._database.run(
            winning.deliver, self._config, guild_id_of(ctx), winner, ctx.author.id, self._clock()
        )
        title = _("Prize for raffle #{number} marked as delivered to {name}").format(
            name=safe(pick.name, 60), number=pick.period
        )
        await answer(ctx, card("✅ " + title, tone="success"))

    # -- exclusions -------------------------------------------------------------------------

    @commands.hybrid_group(name="raffleexclude", fallback="list", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def raffle_exclude(self, ctx: Context) -> None:
        """Show who is excluded from winning, and why."""
        excluded = await self._database.run(
            exclusions.list_exclusions, guild_id_of(ctx), self._clock()
        )
        await answer(ctx, embeds.exclusions(excluded))

    @raffle_exclude.command(name="add", extras=PRIVATE)
    @app_commands.describe(viewer="A mention, or the name on Kick", reason="For your own list")
    async def add_exclusion(self, ctx: Context, viewer: str, *, reason: str = "") -> None:
        """Exclude somebody from winning; their tickets stay, but are left out of the draw."""
        name = await self._database.run(
            excluding.exclude, guild_id_of(ctx), viewer, reason, ctx.author.id, self._clock()
        )
        title = _("{name} can no longer win").format(name=safe(name))
        await answer(ctx, card("🚫 " + title, _("Undo it with `/raffleexclude remove`.")))

    @raffle_exclude.command(name="remove", extras=PRIVATE)
    @app_commands.describe(viewer="A mention, or the name on Kick")
    async def remove_exclusion(self, ctx: Context, *, viewer: str) -> None:
        """Let somebody win again, also after a ban."""
        name = await self._database.run(excluding.include, guild_id_of(ctx), viewer, ctx.author.id)
        await answer(ctx, card("✅ " + _("{name} can win again").format(name=safe(name))))

    # -- what happens in Discord ------------------------------------------------------------

    @commands.Cog.listener()
    async def on_raw_message_delete(self, deleted: discord.RawMessageDeleteEvent) -> None:
        await self._note_deleted(deleted.guild_id, deleted.channel_id, {deleted.message_id})

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, deleted: discord.RawBulkMessageDeleteEvent) -> None:
        await self._note_deleted(deleted.guild_id, deleted.channel_id, deleted.message_ids)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self._note_deleted(channel.guild.id, channel.id, None)

    async def _note_deleted(
        self, guild_id: int | None, channel_id: int, message_ids: set[int] | None
    ) -> None:
        if guild_id is not None:
            await self._database.run(winning.mark_deleted, guild_id, channel_id, message_ids)

    @commands.Cog.listener()
    async def on_member_ban(
        self, guild: discord.Guild, member: discord.User | discord.Member
    ) -> None:
        await self._database.run(excluding.ban_member, guild.id, member.id, self._clock())

    @commands.Cog.listener()
    async def on_member_unban(self, guild: discord.Guild, user: discord.User) -> None:
        await self._database.run(excluding.unban_member, guild.id, user.id)
