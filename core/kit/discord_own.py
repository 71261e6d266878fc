"""What a member asks for and nobody else may see, such as a personal link: by direct message, in a
private reply, or behind a button."""

from typing import Any, ClassVar

import discord
from discord.ext import commands

from core.kit.discord_buttons import PersistentButton
from core.kit.discord_ui import answer, card, sent_by_dm, services_of
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _

Person = discord.User | discord.Member


class OwnButton(PersistentButton, template=r"(?!)"):
    """Base of a button that gives whoever presses it something of their own.

    Attributes:
        address: its custom id, and the `template` of the subclass.
    """

    shows_result = True
    address: ClassVar[str]

    def __init__(self) -> None:
        style = discord.ButtonStyle.primary
        super().__init__(discord.ui.Button(label=self.words(), style=style, custom_id=self.address))

    @staticmethod
    def words() -> str:
        """The label."""
        raise NotImplementedError

    async def give(
        self, services: Services, guild: discord.Guild, person: Person
    ) -> dict[str, Any]:
        """What they asked for, as arguments of discord.py's `send`. It can be sent once."""
        raise NotImplementedError

    async def give_by_dm(self, services: Services, guild: discord.Guild, person: Person) -> bool:
        """Send it; False if their direct messages are closed, and then nothing has changed."""
        return await sent_by_dm(person, **await self.give(services, guild, person))

    async def give_privately(
        self, services: Services, guild: discord.Guild, person: Person
    ) -> dict[str, Any]:
        """Send it by direct message if possible; returns what a private reply says."""
        if await self.give_by_dm(services, guild, person):
            return {"embed": _sent()}
        return await self.give(services, guild, person)

    async def press(self, interaction: discord.Interaction) -> None:
        if interaction.guild is None:
            raise Refusal(_("This works in a server only."))
        given = await self.give(services_of(interaction), interaction.guild, interaction.user)
        await interaction.followup.send(**given, ephemeral=True)


async def give(ctx: commands.Context[commands.Bot], button: OwnButton) -> None:
    """Answer a command with what the button gives. The reply to a typed command is public: it shows
    the button if their direct messages are closed."""
    assert ctx.guild is not None, "the command is guild_only"
    services = services_of(ctx)
    if ctx.interaction is not None:
        given = await button.give_privately(services, ctx.guild, ctx.author)
        await ctx.send(**given, ephemeral=True)
    elif await button.give_by_dm(services, ctx.guild, ctx.author):
        await answer(ctx, _sent())
    else:
        embed = card(
            "📪 " + _("Your direct messages are closed"),
            _("Press the button; only you will see the reply."),
            tone="warning",
        )
        await answer(ctx, embed, alone(button))


def _sent() -> discord.Embed:
    return card("📬 " + _("Check your DMs"), tone="success")


def alone(button: OwnButton) -> discord.ui.View:
    """A view with this button only. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    view.add_item(button)
    return view
