"""`/auditlog`: who changed what in this server."""

from collections.abc import Mapping, Sequence
from functools import partial

from discord import app_commands
from discord.ext import commands

from core.kit.discord_ui import PRIVATE
from core.kit.feature import AuditLine
from core.kit.paginator import Page, Paginator, Reader, nearest_page, show
from core.settings import embeds
from core.settings.actions import read_log
from core.settings.commands import places
from core.settings.embeds import MOST_ENTRIES
from core.settings.rules import Declared


def audit_log_paginator(known: Sequence[Declared], lines: Mapping[str, AuditLine]) -> Paginator:
    """The audit log; the key of a page says how many entries it has.

    Args:
        lines: action -> how its entry reads.
    """
    by_key = {one.key: one for one in known}

    async def open_page(reader: Reader, key: str, number: int) -> Page:
        per_page = min(int(key), MOST_ENTRIES)
        found = await reader.run_action(read_log, per_page, number)
        mention = partial(places.mention, reader.guild)
        embed = embeds.audit_log(found, per_page, by_key, lines, mention)
        return Page(embed, *nearest_page(number, found.total, per_page), key)

    return Paginator("audit_log", "auditlog", open_page)


class AuditLog(commands.Cog, name="audit_log"):
    """The record of what admins changed."""

    def __init__(self, paginator: Paginator) -> None:
        self._paginator = paginator

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
        await show(ctx, self._paginator, str(count))
