"""Commands and buttons of connected accounts and their chats; the cogs of the services use them."""

import asyncio
from typing import Any, ClassVar

import discord
from discord.ext import commands

from core.guilds.connections import messages
from core.guilds.connections.accounts import AccountKind
from core.guilds.connections.chat import Chat
from core.kit.discord.buttons import ConfirmButton, KeepButton
from core.kit.discord.ui import (
    answer,
    card,
    guild_id_of,
    run_action,
    safe,
    services_of,
    view_of,
)
from core.kit.text.words import _

Context = commands.Context[commands.Bot]


async def test_chat(ctx: Context, chat: Chat) -> None:
    """Run a self-test, and say how it went."""
    result = await chat.test(services_of(ctx), guild_id_of(ctx))
    heading, text = chat.describe(result)
    if result.returned_after is not None:
        await answer(ctx, card("✅ " + heading, text, tone="success"))
        return
    text = text if result.was_sent else safe(text, 1000)
    await answer(ctx, card("❌ " + heading, text, tone="error"))


class DisconnectButton(ConfirmButton, template=r"(?!)"):
    """Disconnects the account of a kind in the server where it is pressed; subclass it in the
    service's package with `kind=`."""

    permission = "manage_guild"
    kind: ClassVar[AccountKind[Any]]

    def __init_subclass__(cls, *, kind: AccountKind[Any]) -> None:
        cls.kind = kind
        super().__init_subclass__(template=rf"{_address(kind)}:(?P<asker_id>[0-9]{{1,20}})")

    def __init__(self, asker_id: int, label: str = "") -> None:
        address = f"{_address(self.kind)}:{asker_id}"
        super().__init__(label or _("Disconnect"), address, asker_id)

    async def confirm(self, interaction: discord.Interaction) -> discord.Embed:
        assert interaction.guild_id is not None, "admins are known in servers only"
        services, actor = services_of(interaction), interaction.user.id
        disconnect, guild_id = self.kind.disconnect, interaction.guild_id
        ended = await asyncio.to_thread(disconnect, services, guild_id, actor)
        return messages.disconnected(ended) if ended else messages.not_connected(self.kind)


def _address(kind: AccountKind[Any]) -> str:
    return ":".join(filter(None, ("disconnect", kind.platform, kind.role)))


async def ask_disconnect(
    ctx: Context, button: type[DisconnectButton], end: type[ConfirmButton] | None = None
) -> None:
    """Ask whether to disconnect an account.

    Args:
        end: the button that first ends what would stay at the service.
    """
    kind, asker_id = button.kind, ctx.author.id
    account = await run_action(ctx, kind.find)
    if account is None:
        await answer(ctx, messages.not_connected(kind))
        return
    held = await run_action(ctx, kind.held)
    buttons: list[ConfirmButton] = [button(asker_id, _("Disconnect and keep them") if held else "")]
    if held and end is not None:
        make: Any = end
        buttons.insert(0, make(asker_id))
    view = view_of(*buttons, KeepButton(asker_id, _("Keep it")))
    await answer(ctx, messages.ask_disconnect(kind, account.name, held), view)
