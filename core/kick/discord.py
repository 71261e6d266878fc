"""Commands and buttons about Kick: the connected account and its channel, chat, and checks."""

import asyncio
from datetime import timedelta

import discord
from discord import app_commands
from discord.ext import commands

from core.guilds.connections.discord import (
    DisconnectButton,
    LinkButton,
    ask_disconnect,
    say,
    test_chat,
)
from core.kick import health, messages
from core.kick.accounts import actions as accounts
from core.kick.accounts import channels, connect, primary
from core.kick.chat.actions import CHAT
from core.kick.intake.log import count_unattributed, list_newest_lines
from core.kick.intake.records import LogLine
from core.kit.database.work import Work
from core.kit.discord.buttons import give
from core.kit.discord.ui import (
    answer,
    check_report,
    guild_id_of,
    run_action,
    server_command,
)
from core.kit.services import Services

SHOWN = 10
"""Deliveries shown by /webhooklog."""

Context = commands.Context[commands.Bot]


def _read_log(work: Work) -> tuple[list[LogLine], dict[str, int]]:
    newest = list_newest_lines(work.tx, work.guild_id, SHOWN)
    return newest, count_unattributed(work.tx, work.now - timedelta(days=1))


class KickChecks(commands.Cog):
    """Sending to Kick's chat, and checking what Kick delivers."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @server_command("check_kick_config", for_admins=True)
    async def check_kick_config(self, ctx: Context) -> None:
        """Check the Kick setup and show how to fix what is missing."""
        found = await run_action(ctx, health.examine, self._services)
        await answer(ctx, check_report("Kick", found))

    @server_command("kick_selftest", for_admins=True)
    async def kick_selftest(self, ctx: Context) -> None:
        """Send a line to Kick's chat and wait for it to come back, to test both directions."""
        await test_chat(ctx, CHAT)

    @server_command("say", for_admins=True, rest_is_raw=True)
    @commands.cooldown(10, 60, commands.BucketType.guild)
    @app_commands.describe(line="Message for Kick chat, at most 500 characters")
    async def say(self, ctx: Context, *, line: str) -> None:
        """Send a message to the streamer's Kick chat as the bot."""
        await say(ctx, CHAT, line)

    @server_command("webhooklog", for_admins=True)
    async def webhooklog(self, ctx: Context) -> None:
        """Show the latest webhook deliveries from Kick and their results."""
        await answer(ctx, messages.webhook_log(*await run_action(ctx, _read_log)))


# -- the streamer's account and channel -----------------------------------------------------------


class KickAccounts(commands.Cog):
    """The streamer's Kick account and channel."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @server_command("connect_kick", for_admins=True)
    @commands.cooldown(5, 60, commands.BucketType.user)
    @app_commands.describe(
        channel="Name on Kick, as in kick.com/<name>; the one set before if empty"
    )
    async def connect_kick(self, ctx: Context, channel: str | None = None) -> None:
        """Get a link with which the streamer connects the Kick channel to this server."""
        guild_id = guild_id_of(ctx)
        await asyncio.to_thread(connect.choose, self._services, guild_id, channel, ctx.author.id)
        await give(ctx, KickLinkButton())

    @server_command("disconnect_kick", for_admins=True)
    async def disconnect_kick(self, ctx: Context) -> None:
        """End the connection with the streamer's Kick account, and forget its tokens."""
        await ask_disconnect(ctx, KickDisconnectButton)

    @server_command("sync_kick", for_admins=True)
    @commands.cooldown(3, 60, commands.BucketType.guild)
    async def sync_kick(self, ctx: Context) -> None:
        """Refresh the channel's name, broadcaster ID and chatroom ID from Kick."""
        found = await asyncio.to_thread(channels.sync, self._services, guild_id_of(ctx))
        await answer(ctx, messages.synced(found))

    @server_command("set_chatroom", for_admins=True)
    @app_commands.describe(
        chatroom_id="Kick chatroom ID; 0 clears it",
        channel_id="Channel ID from Kick's website, needed for Kicks; 0 clears it",
    )
    async def set_chatroom(
        self, ctx: Context, chatroom_id: int, channel_id: int | None = None
    ) -> None:
        """Set the chatroom ID by hand (only if /sync_kick cannot read it)."""
        typed = await asyncio.to_thread(
            channels.type_numbers,
            self._services,
            guild_id_of(ctx),
            chatroom_id,
            channel_id,
            ctx.author.id,
        )
        await answer(ctx, messages.numbers(typed))

    @server_command("kick_primary", for_admins=True)
    @app_commands.describe(
        server="Name or ID of the server that should answer; default: this server"
    )
    async def kick_primary(self, ctx: Context, *, server: str | None = None) -> None:
        """Choose which server answers in Kick chat if several follow the channel."""
        if server is not None:
            result = await run_action(ctx, primary.hand_over, server)
        else:
            current = await run_action(ctx, primary.find_current)
            manages = current if await _may_manage(ctx.bot, current, ctx.author.id) else None
            result = await run_action(ctx, primary.claim, manages=manages)
        await answer(ctx, messages.primary(result))


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


class KickLinkButton(LinkButton, link=connect.LINK):
    """Gives a link that connects the streamer's account."""


class KickDisconnectButton(DisconnectButton, kind=accounts.ACCOUNT):
    """Disconnects the streamer's account."""
