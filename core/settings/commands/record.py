"""`/auditlog`: who changed what in this server."""

from collections.abc import Sequence
from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.discord_ui import PRIVATE, answer
from core.kit.services import Services
from core.settings import actions, embeds
from core.settings.commands.places import guild_of, mention
from core.settings.commands.turning import Page, turning_buttons
from core.settings.embeds import MOST_ENTRIES
from core.settings.rules import Declared


class AuditLog(commands.Cog, name="audit_log"):
    """The record of what admins changed."""

    def __init__(self, services: Services, known: Sequence[Declared]) -> None:
        self._database = services.database
        self._known = {one.key: one for one in known}

    @commands.hybrid_command(name="auditlog", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(count=f"How many changes at a time, 1 to {MOST_ENTRIES}")
    async def show(
        self,
        ctx: commands.Context[commands.Bot],
        count: commands.Range[int, 1, MOST_ENTRIES] = 10,
    ) -> None:
        """Show who changed what in this server, and when."""
        page = await self.open_at(guild_of(ctx), str(count), 0)
        await answer(ctx, page.embed, turning_buttons(page))

    async def open_at(self, guild: discord.Guild, chapter: str, number: int) -> Page:
        """A page of the log with as many entries as the chapter says."""
        count = min(int(chapter), MOST_ENTRIES)
        found = await self._database.run(actions.read_record, guild.id, count, number)
        embed = embeds.record(found, count, self._known, partial(mention, guild))
        is_last = found.skipped + len(found.entries) >= found.total
        return Page("audit_log", chapter, found.skipped // count, is_last, embed)
