"""`/health`: the health report, for a server's admins."""

import discord
from discord.ext import commands

from core.health import actions
from core.health.actions import Report
from core.health.messages import report_card
from core.kit.discord.access import is_admin
from core.kit.discord.errors import handle_errors
from core.kit.discord.ui import answer, card, guild_id_of, server_command
from core.kit.feature import Check
from core.kit.services import Services
from core.kit.text.words import _


class Health(commands.Cog):
    """The health report."""

    def __init__(self, services: Services, checks: tuple[Check, ...]) -> None:
        self._services = services
        self._checks = checks

    @server_command("health", for_admins=True)
    async def health(self, ctx: commands.Context[commands.Bot]) -> None:
        """Show whether the bot, its database, Kick and Twitch work."""
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
        self.check_again.label = _("Check again")
        self.try_again.label = _("Retry failed messages")
        if not again:
            self.remove_item(self.try_again)

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if interaction.user.id == self._asker_id:
            return await is_admin(interaction, __name__)
        embed = card(
            _("Only the person who ran `/health` can use these"), _("Run `/health` yourself.")
        )
        await interaction.response.send_message(embed=embed, ephemeral=True)
        return False

    @discord.ui.button(style=discord.ButtonStyle.secondary, emoji="🔄")
    async def check_again(
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
