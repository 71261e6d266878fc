"""Commands and buttons about Twitch: the connected accounts, chat, and checks."""

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
from core.guilds.connections.messages import ending
from core.kit.discord.buttons import ConfirmButton, give
from core.kit.discord.ui import (
    answer,
    check_report,
    run_action,
    server_command,
)
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.text.words import _
from core.twitch import health
from core.twitch.accounts import actions as accounts
from core.twitch.accounts import connect, leaving
from core.twitch.chat.actions import CHAT

Context = commands.Context[commands.Bot]


class Twitch(commands.Cog):
    """The streamer's Twitch account and channel, and checking what arrives."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @server_command("connect_twitch", for_admins=True)
    @commands.cooldown(5, 60, commands.BucketType.user)
    @app_commands.describe(bot="Connect a separate account that writes in chat")
    async def connect_twitch(self, ctx: Context, bot: bool = False) -> None:
        """Get a link with which the streamer connects the Twitch channel to this server."""
        require_app(self._services)
        await give(ctx, TwitchBotLinkButton() if bot else TwitchLinkButton())

    @server_command("disconnect_twitch", for_admins=True)
    @app_commands.describe(bot="Disconnect the separate account that writes in chat")
    async def disconnect_twitch(self, ctx: Context, bot: bool = False) -> None:
        """End the connection with the streamer's Twitch account, and revoke its token."""
        if bot:
            await ask_disconnect(ctx, TwitchBotDisconnectButton)
        else:
            await ask_disconnect(ctx, TwitchDisconnectButton, TwitchEndButton)

    @server_command("check_twitch_config", for_admins=True)
    async def check_twitch_config(self, ctx: Context) -> None:
        """Check the Twitch setup and show how to fix what is missing."""
        found = await run_action(ctx, health.examine, self._services)
        await answer(ctx, check_report("Twitch", found))

    @server_command("twitch_selftest", for_admins=True)
    async def twitch_selftest(self, ctx: Context) -> None:
        """Send a line to Twitch's chat and wait for it to come back, to test both directions."""
        await test_chat(ctx, CHAT)

    @server_command("say_twitch", for_admins=True, rest_is_raw=True)
    @commands.cooldown(10, 60, commands.BucketType.guild)
    @app_commands.describe(line="Message for Twitch chat, at most 500 characters")
    async def say_twitch(self, ctx: Context, *, line: str) -> None:
        """Send a message to the streamer's Twitch chat as the bot."""
        await say(ctx, CHAT, line)


def require_app(services: Services) -> None:
    """Raises Refusal if this installation has no Twitch app."""
    settings = services.settings
    if settings.twitch_client_id is None or settings.twitch_client_secret is None:
        raise Refusal(
            _("This bot is not set up for Twitch yet."),
            _("Whoever runs it sets TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET (docs/twitch.md)."),
        )


class TwitchLinkButton(LinkButton, link=connect.LINKS["streamer"]):
    """Gives a link that connects the streamer's account."""


class TwitchBotLinkButton(LinkButton, link=connect.LINKS["bot"]):
    """Gives a link that connects the bot's account."""


class TwitchDisconnectButton(DisconnectButton, kind=accounts.ACCOUNTS["streamer"]):
    """Disconnects the streamer's account."""


class TwitchBotDisconnectButton(DisconnectButton, kind=accounts.ACCOUNTS["bot"]):
    """Disconnects the bot's account."""


class TwitchEndButton(ConfirmButton, template=r"twitch_accounts:end:(?P<asker_id>[0-9]{1,20})"):
    """Ends what features have left on Twitch, and disconnects the streamer's account after that."""

    permission = "manage_guild"

    def __init__(self, asker_id: int) -> None:
        super().__init__(
            _("End them, then disconnect"), f"twitch_accounts:end:{asker_id}", asker_id
        )

    async def confirm(self, interaction: discord.Interaction) -> discord.Embed:
        return ending(
            accounts.ACCOUNTS["streamer"], await run_action(interaction, leaving.end_first)
        )
