"""`/webhooklog`: what Kick delivered last."""

from datetime import datetime, timedelta

from discord import app_commands
from discord.ext import commands
from sqlalchemy import Connection

from core.kick.intake import embeds, log_store
from core.kick.intake.log_store import Line
from core.kit.discord_ui import PRIVATE, answer
from core.kit.services import Services

SHOWN = 10
A_DAY = timedelta(days=1)


class WebhookLogbook(commands.Cog):
    """What Kick delivered, and what became of it."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._clock = services.clock

    @commands.hybrid_command(name="webhooklog", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def webhooklog(self, ctx: commands.Context[commands.Bot]) -> None:
        """Show Kick's last deliveries for this server, and what became of them."""
        assert ctx.guild is not None, "the command is guild_only"
        found, unattributed = await self._database.run(_read, ctx.guild.id, self._clock())
        await answer(ctx, embeds.webhook_log(found, unattributed))


def _read(tx: Connection, guild_id: int, now: datetime) -> tuple[list[Line], dict[str, int]]:
    return (
        log_store.list_newest_lines(tx, guild_id, SHOWN),
        log_store.count_unattributed(tx, now - A_DAY),
    )
