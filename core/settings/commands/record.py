"""`/auditlog`: who changed what in this server."""

from discord import app_commands
from discord.ext import commands

from core.kit.discord_ui import PRIVATE
from core.kit.paginator import Paginator, show
from core.settings.embeds import MOST_ENTRIES


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
