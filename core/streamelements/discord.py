"""Commands and buttons about StreamElements."""

import asyncio
from collections.abc import Mapping
from typing import Any

import discord
from discord.ext import commands

from core.guilds.connections.discord import DisconnectButton, ask_disconnect
from core.guilds.connections.messages import connected
from core.kit.discord.buttons import (
    AdminButton,
    FormButton,
    button_rows,
    form_of,
)
from core.kit.discord.ui import (
    answer,
    check_report,
    guild_id_of,
    run_action,
    server_command,
    services_of,
)
from core.kit.services import Services
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered
from core.streamelements import actions, bulk, health, messages

Context = commands.Context[commands.Bot]


class StreamElements(commands.Cog):
    """The StreamElements channel whose points this server uses."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @server_command("connect_streamelements", for_admins=True)
    async def connect_streamelements(self, ctx: Context) -> None:
        """Connect the streamer's StreamElements channel with its JWT token."""
        assert ctx.guild is not None, "the command is guild_only"
        view = discord.ui.View(timeout=None)
        view.add_item(TokenButton())
        await answer(ctx, messages.invitation(ctx.guild.name), view)

    @server_command("disconnect_streamelements", for_admins=True)
    async def disconnect_streamelements(self, ctx: Context) -> None:
        """End the connection with StreamElements and forget its token."""
        await ask_disconnect(ctx, StreamElementsDisconnectButton)

    @server_command("check_streamelements_config", for_admins=True)
    @commands.cooldown(5, 60, commands.BucketType.guild)
    async def check_streamelements_config(self, ctx: Context) -> None:
        """Check the connection with StreamElements and show how to fix what is missing."""
        found = await asyncio.to_thread(health.examine, self._services, guild_id_of(ctx))
        await answer(ctx, check_report("StreamElements", found))


class TokenButton(FormButton, template=r"streamelements:token"):
    """Asks an admin for the JWT token, in a form that only they see."""

    permission = "manage_guild"

    def __init__(self) -> None:
        style = discord.ButtonStyle.primary
        label = _("Enter the token")
        super().__init__(
            discord.ui.Button(label=label, style=style, custom_id="streamelements:token")
        )

    def form(self) -> discord.ui.Modal | None:
        form = form_of(_("Connect StreamElements"), token=_("JWT token"))
        for child in form.children:
            assert isinstance(child, discord.ui.TextInput)
            child.max_length = 4000
        return form

    async def submit(
        self, interaction: discord.Interaction, typed: Mapping[str, str]
    ) -> discord.Embed | None:
        assert interaction.guild is not None, "admins are known in servers only"
        name = await asyncio.to_thread(
            bulk.connect,
            services_of(interaction),
            interaction.guild.id,
            typed["token"],
            interaction.user.id,
        )
        return connected(actions.ACCOUNT, name, interaction.guild.name)


class StreamElementsDisconnectButton(DisconnectButton, kind=actions.ACCOUNT):
    """Disconnects the account."""


class DecideButton(AdminButton, address="streamelements", acts=("applied", "not_applied")):
    """Settles a change of points whose outcome is unclear."""

    @staticmethod
    def face(act: str) -> tuple[str, discord.ButtonStyle]:
        if act == "applied":
            return _("Applied"), discord.ButtonStyle.success
        return _("Not applied"), discord.ButtonStyle.danger

    async def press(self, interaction: discord.Interaction) -> discord.Embed:
        applied = self.act == "applied"
        name = await run_action(interaction, actions.decide, self.number, applied=applied)
        return messages.decided(name, applied)


def render_unclear(payload: Mapping[str, Any]) -> Rendered:
    """The question to the admins, with its buttons."""
    number = int(payload["number"])

    def view() -> discord.ui.View:
        return button_rows([[DecideButton(act, number) for act in ("applied", "not_applied")]])

    return Rendered(messages.unclear(payload), view)
