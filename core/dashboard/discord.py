"""`/dashboard`, and notifications about changes in Discord."""

import discord
from discord.ext import commands

from core.kit.discord.rest import DISCORD_CHANGED
from core.kit.discord.ui import answer, card, server_command
from core.kit.services import Services
from core.kit.text.words import _


class DashboardLink(commands.Cog, name="dashboard"):
    """Link to the dashboard."""

    def __init__(self, services: Services) -> None:
        self._address = services.settings.public_url

    @server_command("dashboard", private=True)
    async def dashboard(self, ctx: commands.Context[commands.Bot]) -> None:
        """Open this server's dashboard, or your own page."""
        assert ctx.guild is not None, "guild_only"
        home = f"{self._address}/g/{ctx.guild.id}/"
        mine = f"{self._address}/me/{ctx.guild.id}"
        body = _("[Dashboard]({home}) for moderators · [Your own page]({mine})")
        await answer(ctx, card("🖥️ " + _("Dashboard"), body.format(home=home, mine=mine)))


class DiscordChanges(commands.Cog, name="discord_changes"):
    """Notifies the web server of changes in Discord, so that revoked rights end at once."""

    def __init__(self, services: Services) -> None:
        self._bus = services.bus

    def _changed(self, guild: discord.Guild) -> None:
        self._bus.publish(DISCORD_CHANGED, guild_id=str(guild.id))

    @commands.Cog.listener()
    async def on_raw_member_remove(self, event: discord.RawMemberRemoveEvent) -> None:
        self._bus.publish(DISCORD_CHANGED, guild_id=str(event.guild_id))

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        if before.roles != after.roles or before.nick != after.nick:
            self._changed(after.guild)

    @commands.Cog.listener()
    async def on_guild_update(self, _before: discord.Guild, after: discord.Guild) -> None:
        self._changed(after)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self._changed(guild)

    @commands.Cog.listener()
    async def on_guild_role_create(self, role: discord.Role) -> None:
        self._changed(role.guild)

    @commands.Cog.listener()
    async def on_guild_role_update(self, _before: discord.Role, after: discord.Role) -> None:
        self._changed(after.guild)

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        self._changed(role.guild)

    @commands.Cog.listener()
    async def on_guild_channel_create(self, channel: discord.abc.GuildChannel) -> None:
        self._changed(channel.guild)

    @commands.Cog.listener()
    async def on_guild_channel_update(
        self, _before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        self._changed(after.guild)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        self._changed(channel.guild)
