"""`/connect_kick`, `/disconnect_kick`, `/sync_kick`, `/set_chatroom` and `/kick_primary`."""

import asyncio
from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from core.kick.accounts import actions, channels, connect, embeds, primary, store
from core.kick.accounts.buttons import LinkButton, invite
from core.kick.accounts.store import Account
from core.kit.discord_access import is_admin
from core.kit.discord_own import alone
from core.kit.discord_questions import KeepButton, was_asked
from core.kit.discord_ui import PRIVATE, answer, kindly, sent_by_dm
from core.kit.services import Services
from core.kit.words import _

Context = commands.Context[commands.Bot]


class KickAccounts(commands.Cog):
    """The streamer's Kick account and channel."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database = services.database

    @commands.hybrid_command(name="connect_kick", extras=PRIVATE)
    @commands.guild_only()
    @commands.cooldown(5, 60, commands.BucketType.user)
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(
        channel="Name on Kick, as in kick.com/<name>; the one set before if empty"
    )
    async def connect_kick(self, ctx: Context, channel: str | None = None) -> None:
        """Get a link with which the streamer connects the Kick channel to this server."""
        guild = _guild(ctx)
        await asyncio.to_thread(connect.choose, self._services, guild.id, channel, ctx.author.id)
        embed, view = await invite(self._services, guild, ctx.author)
        if await sent_by_dm(ctx.author, embed, view):
            await answer(ctx, embeds.sent_by_dm())
        elif ctx.interaction is not None:
            await answer(ctx, embed, view)
        else:
            await answer(ctx, embeds.dms_are_closed(), alone(LinkButton()))

    @commands.hybrid_command(name="disconnect_kick", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def disconnect_kick(self, ctx: Context) -> None:
        """End the connection with the streamer's Kick account, and forget its tokens."""
        account = await self._database.run(store.find_account, _guild(ctx).id)
        if account is None:
            await answer(ctx, embeds.not_connected())
            return
        view = DisconnectView(self._services, account, ctx.author.id)
        await answer(ctx, embeds.ask_disconnect(account.name), view)

    @commands.hybrid_command(name="sync_kick", extras=PRIVATE)
    @commands.guild_only()
    @commands.cooldown(3, 60, commands.BucketType.guild)
    @app_commands.default_permissions(manage_guild=True)
    async def sync_kick(self, ctx: Context) -> None:
        """Look up the channel's name, broadcaster id and chatroom id at Kick again."""
        found = await asyncio.to_thread(channels.sync, self._services, _guild(ctx).id)
        await answer(ctx, embeds.synced(found))

    @commands.hybrid_command(name="set_chatroom", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(
        chatroom_id="The chatroom's number on Kick; 0 forgets it",
        channel_id="The channel's number on Kick's website, for Kicks; 0 forgets it",
    )
    async def set_chatroom(
        self, ctx: Context, chatroom_id: int, channel_id: int | None = None
    ) -> None:
        """Set the chatroom id by hand (only if /sync_kick cannot read it)."""
        typed = await asyncio.to_thread(
            channels.type_numbers,
            self._services,
            _guild(ctx).id,
            chatroom_id,
            channel_id,
            ctx.author.id,
        )
        await answer(ctx, embeds.numbers(typed))

    @commands.hybrid_command(name="kick_primary", extras=PRIVATE)
    @commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(server="Name or id of the server to hand over to; this server if empty")
    async def kick_primary(self, ctx: Context, *, server: str | None = None) -> None:
        """Choose which of several servers that follow the channel answers in its Kick chat."""
        guild, now = _guild(ctx), self._services.clock()
        if server is not None:
            result = await self._database.run(
                primary.hand_over, guild.id, server, ctx.author.id, now
            )
        else:
            channel = await self._database.run(actions.get_channel, guild.id)
            current = await self._database.run(primary.find_primary, channel.channel_id)
            manages = current if await _may_manage(ctx.bot, current, ctx.author.id) else None
            claim = partial(primary.claim, manages=manages)
            result = await self._database.run(claim, guild.id, ctx.author.id, now)
        await answer(ctx, embeds.primary(result))


async def _may_manage(bot: commands.Bot, guild_id: int | None, user_id: int) -> bool:
    """Whether this person has Manage Server there."""
    guild = bot.get_guild(guild_id) if guild_id is not None else None
    if guild is None:
        return False
    member = guild.get_member(user_id)
    if member is None:
        try:
            member = await guild.fetch_member(user_id)
        except discord.NotFound:
            return False
    return member.guild_permissions.manage_guild


class DisconnectView(discord.ui.View):
    """Yes, or leave it."""

    def __init__(self, services: Services, account: Account, asker_id: int) -> None:
        super().__init__(timeout=300)
        self._services = services
        self._account = account
        self._asker_id = asker_id
        self.disconnect.label = _("Disconnect")
        self.add_item(KeepButton(asker_id, _("Keep it")))

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await was_asked(interaction, self._asker_id) and await is_admin(
            interaction, __name__
        )

    @discord.ui.button(style=discord.ButtonStyle.danger)
    async def disconnect(
        self, interaction: discord.Interaction, _button: "discord.ui.Button[DisconnectView]"
    ) -> None:
        async with kindly(interaction):
            await interaction.response.defer()
            self.stop()
            ended = await asyncio.to_thread(
                connect.disconnect, self._services, self._account.guild_id, self._asker_id
            )
            embed = (
                embeds.disconnected(ended[0].name, ended[1]) if ended else embeds.not_connected()
            )
            await interaction.edit_original_response(embed=embed, view=None)


def _guild(ctx: Context) -> discord.Guild:
    assert ctx.guild is not None, "the commands are guild_only"
    return ctx.guild
