"""Buttons that survive a restart, because their custom id holds all they need."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Self

import discord

from core.kit.discord_access import for_moderators, may_manage
from core.kit.discord_ui import (
    handle_errors,
    permission_names,
    refusal_card,
    reply_privately,
    services_of,
)
from core.kit.services import Services

MOST_ROWS = 5
"""Discord shows five rows of buttons."""

Button = discord.ui.Button[discord.ui.View]

Face = tuple[str, discord.ButtonStyle]
"""A button's label, which may contain `{number}` and `{name}`, and its colour."""


class PersistentButton(discord.ui.DynamicItem[Button], template=r"(?!)"):
    """Base of persistent buttons.

    Subclass with `template=` the pattern of the custom id. Its groups are the arguments of
    `__init__`; one that matched digits only is passed as an int.

    Attributes:
        permission: what a member needs to press the button, if not Manage Server or the command
            group of the button's package; empty for everybody.
        shows_result: show the member that the result is on its way.
    """

    permission: ClassVar[str] = ""
    shows_result: ClassVar[bool] = False

    async def press(self, interaction: discord.Interaction) -> discord.Embed | None:
        """Do what the button is for; the returned embed is shown to the member alone."""
        raise NotImplementedError

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> Self:
        make: Callable[..., Self] = cls
        groups = match.groupdict(default="")
        return make(**{name: int(t) if t.isdecimal() else t for name, t in groups.items()})

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        module = type(self).__module__
        if not self.permission or getattr(interaction.permissions, self.permission):
            return True
        if await may_manage(interaction, module):
            return True
        refusal = for_moderators(permission_names([self.permission]), module)
        await reply_privately(interaction, refusal_card(refusal))
        return False

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            shows = self.shows_result
            await interaction.response.defer(ephemeral=shows, thinking=shows)
            embed = await self.press(interaction)
            if embed is not None:
                await reply_privately(interaction, embed)


class AdminButton(PersistentButton, template=r"(?!)"):
    """Does one of its acts to something that has a number, in the server where it is pressed. Only
    admins may use it. Needs a running event loop.

    Class arguments:
        address: begins the custom ids.
        acts: what its buttons do.

    Args:
        act: one of these acts.
        number: of what it is done to.
        name: for the label; it is unknown when the button is pressed.
    """

    permission = "manage_guild"
    shows_result = True
    address: ClassVar[str]

    def __init_subclass__(cls, *, address: str, acts: Sequence[str]) -> None:
        cls.address = address
        ids = rf"{re.escape(address)}:(?P<act>{'|'.join(acts)}):(?P<number>[0-9]{{1,18}})"
        super().__init_subclass__(template=ids)

    def __init__(self, act: str, number: int, name: str = "") -> None:
        label, style = self.face(act)
        super().__init__(
            discord.ui.Button(
                label=label.format(number=number, name=name).strip()[:80],
                style=style,
                custom_id=f"{self.address}:{act}:{number}",
            )
        )
        self.act = act
        self.number = number

    @staticmethod
    def face(act: str) -> Face:
        """How the button for this act looks."""
        raise NotImplementedError

    async def perform(self, services: Services, guild: discord.Guild, actor: int) -> discord.Embed:
        """Do it; what to answer."""
        raise NotImplementedError

    async def press(self, interaction: discord.Interaction) -> discord.Embed:
        guild = interaction.guild
        assert guild is not None, "admins are known in servers only"
        return await self.perform(services_of(interaction), guild, interaction.user.id)


def button_rows(rows: Iterable[Sequence[AdminButton]]) -> discord.ui.View:
    """One row below the other; at most `MOST_ROWS`. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    for number, buttons in enumerate(rows):
        for button in buttons:
            button.row = number
            view.add_item(button)
    return view
