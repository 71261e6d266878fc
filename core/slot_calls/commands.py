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
        """Show whether slot calls are on, where they appear and which limits hold."""
        current = await self._database.run(actions.get_status, guild_id_of(ctx))
        await answer(ctx, embeds.status(current))

    @slotcalls.command(name="on", extras=PRIVATE)
    async def switch_on(self, ctx: Context) -> None:
        """Let viewers call slots."""
        current = await self._database.run(
            actions.set_enabled, guild_id_of(ctx), True, ctx.author.id
        )
        await answer(ctx, embeds.status(current))

    @slotcalls.command(name="off", extras=PRIVATE)
    async def switch_off(self, ctx: Context) -> None:
        """Take no more calls; the list stays."""
        current = await self._database.run(
            actions.set_enabled, guild_id_of(ctx), False, ctx.author.id
        )
        await answer(ctx, embeds.status(current))

    @slotcalls.command(name="channel", extras=PRIVATE)
    @app_commands.describe(channel="Where calls appear from now on")
    async def choose_channel(self, ctx: Context, channel: discord.TextChannel) -> None:
        """Choose the Discord channel where calls appear."""
        require_permissions(channel, ctx.me)
        current = await self._database.run(
            actions.set_channel, guild_id_of(ctx), channel.id, ctx.author.id
        )
        await answer(ctx, embeds.status(current))

    # What is typed and is no number is left over, and must not pass for an answer to nothing.
    @slotcalls.command(name="limits", extras=PRIVATE, ignore_extra=False)
    @app_commands.describe(
        per_viewer="How many calls of one viewer may be on the list",
        cooldown="Seconds between two calls of one viewer",
    )
    async def set_limits(
        self, ctx: Context, per_viewer: int | None = None, cooldown: int | None = None
    ) -> None:
        """Limit how many calls one viewer can have on the list, and how often they can call."""
        current = await self._database.run(
            actions.set_limits, guild_id_of(ctx), cooldown, per_viewer, ctx.author.id
        )
        await answer(ctx, embeds.status(current))

    @slotcalls.command(name="queue", extras=PRIVATE)
    async def show_queue(self, ctx: Context) -> None:
        """Show the list, oldest call first."""
        waiting = await self._database.run(store.list_open, guild_id_of(ctx))
        await answer(ctx, embeds.queue(waiting))

    @slotcalls.command(name="clear", extras=PRIVATE)
    async def clear(self, ctx: Context) -> None:
        """Skip every call on the list."""
        count = await self._database.run(
            actions.clear_list, guild_id_of(ctx), ctx.author.id, self._clock()
        )
        title = _("The list is empty now")
        await answer(ctx, card("🧹 " + title, _("{count} skipped.").format(count=count)))

    @slotcalls.command(name="block", extras=PRIVATE)
    @app_commands.describe(viewer="Name on Kick")
    async def block(self, ctx: Context, *, viewer: str) -> None:
        """Take no more calls from a viewer, and skip the ones on the list."""
        name = await self._database.run(
            actions.block_by_name, guild_id_of(ctx), viewer, ctx.author.id, self._clock()
        )
        title = _("{name} can no longer call slots").format(name=safe(name))
        await answer(ctx, card("🚫 " + title, _("Take it back with `/slotcalls unblock`.")))

    @slotcalls.command(name="unblock", extras=PRIVATE)
    @app_commands.describe(viewer="Name on Kick")
    async def unblock(self, ctx: Context, *, viewer: str) -> None:
        """Take calls from a blocked viewer again."""
        name = await self._database.run(
            actions.unblock_by_name, guild_id_of(ctx), viewer, ctx.author.id
        )
        await answer(ctx, card("✅ " + _("{name} can call slots again").format(name=safe(name))))

    @slotcalls.command(name="blocked", extras=PRIVATE)
    async def show_blocked(self, ctx: Context) -> None:
        """Show who may not call."""
        await answer(
            ctx, embeds.blocked(await self._database.run(store.list_blocked, guild_id_of(ctx)))
        )
