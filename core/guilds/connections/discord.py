"""Commands and buttons of connected accounts and their chats; the cogs of the services use them."""

import asyncio
from typing import Any, ClassVar

import discord
from discord.ext import commands

from core.guilds.connections import messages
from core.guilds.connections.accounts import AccountKind
from core.guilds.connections.chat import Chat
from core.guilds.connections.links import Link
from core.kit.discord.access import is_admin
from core.kit.discord.buttons import ConfirmButton, KeepButton, OwnButton, Person
from core.kit.discord.ui import (
    answer,
    card,
    guild_id_of,
    run_action,
    safe,
    services_of,
    view_of,
)
from core.kit.services import Services
from core.kit.text.words import _

Context = commands.Context[commands.Bot]


async def say(ctx: Context, chat: Chat, line: str) -> None:
    """Say a line in a chat, as the bot."""
    await run_action(ctx, chat.say_for, services_of(ctx), line.strip())
    title = _("{platform}'s chat will read it in a moment").format(platform=chat.name)
    body = safe(line, 500, links=True)
    await answer(ctx, card("💬 " + title, body, tone=messages.tone_of(chat.platform)))


async def test_chat(ctx: Context, chat: Chat) -> None:
    """Run a self-test, and report the result."""
    result = await chat.test(services_of(ctx), guild_id_of(ctx))
    heading, text = chat.describe(result)
    if result.returned_after is not None:
        await answer(ctx, card("✅ " + heading, text, tone="success"))
        return
    text = text if result.was_sent else safe(text, 1000)
    await answer(ctx, card("❌ " + heading, text, tone="error"))


class LinkButton(OwnButton, template=r"(?!)"):
    """Gives members with Manage Server a personal link that connects an account; subclass it in the
    service's package with `link=`."""

    link: ClassVar[Link[Any]]

    def __init_subclass__(cls, *, link: Link[Any]) -> None:
        cls.link, cls.address = link, _address("connect", link.kind)
        super().__init_subclass__(template=cls.address)

    @staticmethod
    def words() -> str:
        return _("Show my link")

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await is_admin(interaction, type(self).__module__)

    async def give(
        self, services: Services, guild: discord.Guild, person: Person
    ) -> dict[str, Any]:
        """Raises Refusal if nothing can be connected yet."""
        attempt = self.link.request(services, person.id, person.display_name)
        text = await services.run_as_bot(guild.id, self.link.open, attempt)
        url = await asyncio.to_thread(self.link.url, services, attempt)
        view = view_of(discord.ui.Button(label=_("Continue"), url=url))
        return {"embed": messages.invitation(self.link.kind, text), "view": view}


class DisconnectButton(ConfirmButton, template=r"(?!)"):
    """Disconnects the account of a kind in the server where it is pressed; subclass it in the
    service's package with `kind=`."""

    permission = "manage_guild"
    kind: ClassVar[AccountKind[Any]]

    def __init_subclass__(cls, *, kind: AccountKind[Any]) -> None:
        cls.kind = kind
        super().__init_subclass__(
            template=rf"{_address('disconnect', kind)}:(?P<asker_id>[0-9]{{1,20}})"
        )

    def __init__(self, asker_id: int, label: str = "") -> None:
        address = f"{_address('disconnect', self.kind)}:{asker_id}"
        super().__init__(label or _("Disconnect"), address, asker_id)

    async def confirm(self, interaction: discord.Interaction) -> discord.Embed:
        assert interaction.guild_id is not None, "admins are known in servers only"
        services, actor = services_of(interaction), interaction.user.id
        disconnect, guild_id = self.kind.disconnect, interaction.guild_id
        ended = await asyncio.to_thread(disconnect, services, guild_id, actor)
        return messages.disconnected(ended) if ended else messages.not_connected(self.kind)


def _address(act: str, kind: AccountKind[Any]) -> str:
    return ":".join(filter(None, (act, kind.platform, kind.role)))


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
    view = view_of(*buttons, KeepButton(asker_id, _("Cancel")))
    await answer(ctx, messages.ask_disconnect(kind, account.name, held), view)
