"""`/slotcalls`: everything a moderator does with slot calls."""

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.discord_ui import PRIVATE, answer, card, guild_id_of, require_permissions, safe
from core.kit.services import Services
from core.kit.words import _
from core.slot_calls import actions, embeds, store

Context = commands.Context[commands.Bot]


class SlotCalls(commands.Cog):
    """Slot calls from the stream's chat."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock

    @commands.hybrid_group(name="slotcalls", fallback="status", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def slotcalls(self, ctx: Context) -> None:
        """Show whether slot requests are on, where they appear and the limits."""
        current = await self._database.run(actions.get_status, guild_id_of(ctx))
        await answer(ctx, embeds.status(current))

    @slotcalls.command(name="on", extras=PRIVATE)
    async def switch_on(self, ctx: Context) -> None:
        """Let viewers request slots."""
        current = await self._database.run(
            actions.set_enabled, guild_id_of(ctx), True, ctx.author.id
        )
        await answer(ctx, embeds.status(current))

    @slotcalls.command(name="off", extras=PRIVATE)
    async def switch_off(self, ctx: Context) -> None:
        """Stop taking slot requests; the queue stays."""
        current = await self._database.run(
            actions.set_enabled, guild_id_of(ctx), False, ctx.author.id
        )
        await answer(ctx, embeds.status(current))

    @slotcalls.command(name="channel", extras=PRIVATE)
    @app_commands.describe(channel="Where requests appear from now on")
    async def choose_channel(self, ctx: Context, channel: discord.TextChannel) -> None:
        """Choose the Discord channel where requests appear."""
        require_permissions(channel, ctx.me)
        current = await self._database.run(
            actions.set_channel, guild_id_of(ctx), channel.id, ctx.author.id
        )
        await answer(ctx, embeds.status(current))

    # Reject non-numbers instead of ignoring them.
    @slotcalls.command(name="limits", extras=PRIVATE, ignore_extra=False)
    @app_commands.describe(
        per_viewer="How many open requests one viewer may have",
        cooldown="Seconds between two requests of one viewer",
    )
    async def set_limits(
        self, ctx: Context, per_viewer: int | None = None, cooldown: int | None = None
    ) -> None:
        """Limit how many open requests a viewer can have, and how often they can ask."""
        current = await self._database.run(
            actions.set_limits, guild_id_of(ctx), cooldown, per_viewer, ctx.author.id
        )
        await answer(ctx, embeds.status(current))

    @slotcalls.command(name="queue", extras=PRIVATE)
    async def show_queue(self, ctx: Context) -> None:
        """Show the queue, oldest request first."""
        waiting = await self._database.run(store.list_open, guild_id_of(ctx))
        await answer(ctx, embeds.queue(waiting))

    @slotcalls.command(name="clear", extras=PRIVATE)
    async def clear(self, ctx: Context) -> None:
        """Skip every request in the queue."""
        count = await self._database.run(
            actions.clear_list, guild_id_of(ctx), ctx.author.id, self._clock()
        )
        title = _("Queue cleared")
        await answer(ctx, card("🧹 " + title, _("{count} skipped.").format(count=count)))

    @slotcalls.command(name="block", extras=PRIVATE)
    @app_commands.describe(viewer="Name on Kick")
    async def block(self, ctx: Context, *, viewer: str) -> None:
        """Stop taking requests from a viewer, and skip the ones in the queue."""
        name = await self._database.run(
            actions.block_by_name, guild_id_of(ctx), viewer, ctx.author.id, self._clock()
        )
        title = _("{name} can no longer request slots").format(name=safe(name))
        await answer(ctx, card("🚫 " + title, _("Undo with `/slotcalls unblock`.")))

    @slotcalls.command(name="unblock", extras=PRIVATE)
    @app_commands.describe(viewer="Name on Kick")
    async def unblock(self, ctx: Context, *, viewer: str) -> None:
        """Take requests from a blocked viewer again."""
        name = await self._database.run(
            actions.unblock_by_name, guild_id_of(ctx), viewer, ctx.author.id
        )
        await answer(ctx, card("✅ " + _("{name} can request slots again").format(name=safe(name))))

    @slotcalls.command(name="blocked", extras=PRIVATE)
    async def show_blocked(self, ctx: Context) -> None:
        """Show who may not request slots."""
        await answer(
            ctx, embeds.blocked(await self._database.run(store.list_blocked, guild_id_of(ctx)))
        )
