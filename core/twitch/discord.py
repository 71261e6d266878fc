"""Commands and buttons about Twitch: the connected accounts, chat, and checks."""

import asyncio
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.database.records import MemberId
from core.kit.discord.access import is_admin
from core.kit.discord.buttons import ConfirmButton, KeepButton, OwnButton, Person, give
from core.kit.discord.ui import (
    answer,
    check_report,
    guild_id_of,
    run_action,
    server_command,
    services_of,
    view_of,
)
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.text.words import _
from core.twitch import health, messages
from core.twitch.accounts import actions as accounts
from core.twitch.accounts import connect, leaving
from core.twitch.accounts.records import Role, TwitchConnectAttempt
from core.twitch.chat import actions as chat
from core.twitch.chat import selftest

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
        await give(ctx, TwitchLinkButton("bot" if bot else "streamer"))

    @server_command("disconnect_twitch", for_admins=True)
    @app_commands.describe(bot="Disconnect the separate account that writes in chat")
    async def disconnect_twitch(self, ctx: Context, bot: bool = False) -> None:
        """End the connection with the streamer's Twitch account, and revoke its token."""
        role: Role = "bot" if bot else "streamer"
        account = await run_action(ctx, accounts.find_account, role)
        if account is None:
            await answer(ctx, messages.not_connected())
            return
        asker_id = ctx.author.id
        held = await run_action(ctx, leaving.describe) if role == "streamer" else ""
        buttons: list[ConfirmButton] = [TwitchDisconnectButton(role, asker_id, bool(held))]
        if held:
            buttons.insert(0, TwitchEndButton(asker_id))
        view = view_of(*buttons, KeepButton(asker_id, _("Cancel")))
        await answer(ctx, messages.ask_disconnect(account.name, held), view)

    @server_command("check_twitch_config", for_admins=True)
    async def check_twitch_config(self, ctx: Context) -> None:
        """Check the Twitch setup and show how to fix what is missing."""
        found = await run_action(ctx, health.examine, self._services)
        await answer(ctx, check_report("Twitch", found))

    @server_command("twitch_selftest", for_admins=True)
    @commands.cooldown(2, 60, commands.BucketType.guild)
    async def twitch_selftest(self, ctx: Context) -> None:
        """Send a line to Twitch's chat and wait for it to come back, to test both directions."""
        result = await selftest.run(self._services, guild_id_of(ctx))
        await answer(ctx, messages.selftest(result))

    @server_command("say_twitch", for_admins=True, rest_is_raw=True)
    @commands.cooldown(10, 60, commands.BucketType.guild)
    @app_commands.describe(line="What to say in Twitch's chat, at most 500 characters")
    async def say_twitch(self, ctx: Context, *, line: str) -> None:
        """Say a line in the streamer's Twitch chat, as the bot."""
        await run_action(ctx, chat.say_for, line.strip())
        await answer(ctx, messages.said(line))


def require_app(services: Services) -> None:
    """Raises Refusal if this installation has no Twitch app."""
    settings = services.settings
    if settings.twitch_client_id is None or settings.twitch_client_secret is None:
        raise Refusal(
            _("This bot is not set up for Twitch yet."),
            _("Whoever runs it sets TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET (docs/twitch.md)."),
        )


class TwitchLinkButton(OwnButton, template=r"twitch_accounts:link:(?P<role>streamer|bot)"):
    """Gives whoever may manage the server a link of their own."""

    def __init__(self, role: Role) -> None:
        super().__init__(f"twitch_accounts:link:{role}")
        self.role: Role = role

    @staticmethod
    def words() -> str:
        return _("Show my link")

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await is_admin(interaction, __name__)

    async def give(
        self, services: Services, guild: discord.Guild, person: Person
    ) -> dict[str, Any]:
        """Raises Refusal if a bot's account comes before the streamer's."""
        attempt = TwitchConnectAttempt(
            role=self.role,
            asked_by=MemberId(person.id),
            asked_by_name=person.display_name,
            asked_at=services.clock(),
        )
        await services.run_as_bot(guild.id, accounts.open_attempt, attempt)
        url = await asyncio.to_thread(connect.make_link, services, attempt)
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label=_("Continue"), url=url))
        return {"embed": messages.invitation(guild.name, self.role), "view": view}


class TwitchDisconnectButton(
    ConfirmButton,
    template=r"twitch_accounts:disconnect:(?P<role>streamer|bot):(?P<asker_id>[0-9]{1,20})",
):
    """Disconnects an account of the server where it is pressed."""

    permission = "manage_guild"

    def __init__(self, role: Role, asker_id: int, keeps: bool = False) -> None:
        address = f"twitch_accounts:disconnect:{role}:{asker_id}"
        label = _("Disconnect and keep them") if keeps else _("Disconnect")
        super().__init__(label, address, asker_id)
        self.role: Role = role

    async def confirm(self, interaction: discord.Interaction) -> discord.Embed:
        assert interaction.guild_id is not None, "admins are known in servers only"
        ended = await asyncio.to_thread(
            connect.disconnect,
            services_of(interaction),
            interaction.guild_id,
            self.role,
            interaction.user.id,
        )
        if ended is None:
            return messages.not_connected()
        account, is_revoked = ended
        return messages.disconnected(account.name, is_revoked)


class TwitchEndButton(ConfirmButton, template=r"twitch_accounts:end:(?P<asker_id>[0-9]{1,20})"):
    """Ends what features have left on Twitch, and disconnects the streamer's account after that."""

    permission = "manage_guild"

    def __init__(self, asker_id: int) -> None:
        super().__init__(
            _("End them, then disconnect"), f"twitch_accounts:end:{asker_id}", asker_id
        )

    async def confirm(self, interaction: discord.Interaction) -> discord.Embed:
        return messages.ending(await run_action(interaction, leaving.end_first))
