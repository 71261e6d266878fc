"""`/health`: the health report, for a server's admins."""

import discord
from discord import app_commands
from discord.ext import commands

from core.health import actions
from core.health.actions import Report
from core.kit.discord_access import is_admin
from core.kit.discord_errors import handle_errors
from core.kit.discord_ui import PRIVATE, Tone, ago, answer, card, duration, guild_id_of, lines, safe
from core.kit.feature import Check
from core.kit.health_item import AgeOf, HealthItem
from core.kit.services import Services
from core.kit.words import _


class Health(commands.Cog):
    """The health report."""

    def __init__(self, services: Services, checks: tuple[Check, ...]) -> None:
        self._services = services
        self._checks = checks

    @commands.hybrid_command(name="health", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def health(self, ctx: commands.Context[commands.Bot]) -> None:
        """Show how the bot, its database, Redis and Kick are."""
        guild_id = guild_id_of(ctx)
        found = await self.report(guild_id)
        view = HealthView(self, guild_id, ctx.author.id, again=found.can_be_retried)
        await answer(ctx, report_card(found), view)

    async def report(self, guild_id: int) -> Report:
        """Run all checks now, including those of this server."""
        return await self._services.database.run(
            actions.examine, self._checks, self._services.clock(), guild_id
        )

    async def try_again(self, guild_id: int) -> int:
        """Retry this server's dead letters."""
        return await self._services.run_as_bot(guild_id, actions.retry_dead_letters)


class HealthView(discord.ui.View):
    """Check again, and retry dead letters if there are any."""

    def __init__(self, cog: Health, guild_id: int, asker_id: int, *, again: bool) -> None:
        super().__init__(timeout=600)
        self._cog = cog
        self._guild_id = guild_id
        self._asker_id = asker_id
        self.look_again.label = _("Check again")
        self.try_again.label = _("Try the failed ones again")
        if not again:
            self.remove_item(self.try_again)

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if interaction.user.id == self._asker_id:
            return await is_admin(interaction, __name__)
        embed = card(_("This answer belongs to somebody else"), _("Use `/health` yourself."))
        await interaction.response.send_message(embed=embed, ephemeral=True)
        return False

    @discord.ui.button(style=discord.ButtonStyle.secondary, emoji="🔄")
    async def look_again(
        self, interaction: discord.Interaction, _button: "discord.ui.Button[HealthView]"
    ) -> None:
        async with handle_errors(interaction):
            await interaction.response.defer()
            await self._show(interaction)

    @discord.ui.button(style=discord.ButtonStyle.primary)
    async def try_again(
        self, interaction: discord.Interaction, _button: "discord.ui.Button[HealthView]"
    ) -> None:
        async with handle_errors(interaction):
            await interaction.response.defer()
            await self._cog.try_again(self._guild_id)
            self.remove_item(self.try_again)
            await self._show(interaction)

    async def _show(self, interaction: discord.Interaction) -> None:
        found = await self._cog.report(self._guild_id)
        await interaction.edit_original_response(embed=report_card(found), view=self)


_MARKS = {"ok": "🟢", "warn": "🟡", "down": "🔴"}
_TONES: dict[str, Tone] = {"ok": "success", "degraded": "warning", "down": "error"}


def report_card(found: Report) -> discord.Embed:
    """All parts, the ones in trouble first."""
    titles = {
        "ok": "✅ " + _("Everything works"),
        "degraded": "⚠️ " + _("Working, with warnings"),
        "down": "❌ " + _("Something does not work"),
    }
    order = {"down": 0, "warn": 1, "ok": 2}
    parts = sorted(found.parts, key=lambda part: order[part.state])
    body = lines([_row(part) for part in parts]) + f"\n-# {_('Checked')} {ago(found.at)}"
    return card(titles[found.overall], body, tone=_TONES[found.overall])


def _row(part: HealthItem) -> str:
    # Never colour alone: a word follows the mark.
    words = {"ok": _("ok"), "warn": _("warning"), "down": _("down")}
    age = "" if part.age_seconds is None else f" · {_age(part.age_of, part.age_seconds)}"
    name, reason = safe(part.name), safe(part.reason, 300)
    return f"{_MARKS[part.state]} **{name}** · {words[part.state]} · {reason}{age}"


def _age(of: AgeOf, seconds: float) -> str:
    words = {
        "checked": _("checked {age} ago"),
        "seen": _("last seen {age} ago"),
        "received": _("last received {age} ago"),
        "confirmed": _("last confirmed {age} ago"),
        "oldest": _("the oldest for {age}"),
        "trouble": _("for {age}"),
    }
    return words[of].format(age=duration(max(seconds, 0)))
