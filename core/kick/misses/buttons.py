"""The buttons below a list of suspected misses; found by their custom id, so they outlive
restarts."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

import discord

from core.kick.misses import actions, credit, embeds
from core.kit.discord_ui import kindly, private_word, refusal_card, services_of
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.outbox.discord_courier import Rendered

_TEMPLATE = r"kick\.missed:(?P<act>credit|dismiss):(?P<number>[0-9]{1,9})"

MOST = 5
"""Discord has five rows of buttons; one miss takes one row."""


def miss_buttons(numbers: Iterable[int]) -> discord.ui.View:
    """Credit and Dismiss for the first few. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    for row, number in enumerate(list(numbers)[:MOST]):
        view.add_item(MissButton("credit", number, row))
        view.add_item(MissButton("dismiss", number, row))
    return view


def alarm(payload: Mapping[str, Any]) -> Rendered:
    """Said to the admins when something new is missing."""
    numbers = [miss["number"] for miss in payload["misses"]]
    return Rendered(embeds.alarm(payload), lambda: miss_buttons(numbers))


class MissButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_TEMPLATE):
    """One of the two, for the miss with this number in the server where it is pressed."""

    def __init__(self, act: str, number: int, row: int | None = None) -> None:
        credits_it = act == "credit"
        label = _("Credit #{number}") if credits_it else _("Dismiss #{number}")
        style = discord.ButtonStyle.success if credits_it else discord.ButtonStyle.secondary
        super().__init__(
            discord.ui.Button(
                label=label.format(number=number),
                style=style,
                custom_id=f"kick.missed:{act}:{number}",
                row=row,
            )
        )
        self.act = act
        self.number = number

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "MissButton":
        return cls(match["act"], int(match["number"]))

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if interaction.permissions.manage_guild:
            return True
        refusal = Refusal(
            _("These buttons are for admins."), _("They need the permission Manage Server.")
        )
        await interaction.response.send_message(embed=refusal_card(refusal), ephemeral=True)
        return False

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            done = await settle(
                services_of(interaction),
                interaction.guild_id or 0,
                self.act,
                self.number,
                interaction.user.id,
            )
            await private_word(interaction, done)


async def settle(
    services: Services, guild_id: int, act: str, number: int, actor: int
) -> discord.Embed:
    """Credit or dismiss; what to answer.

    Raises:
        Refusal: it is settled.
        Outage: Kick or the database does not answer.
    """
    if act == "credit":
        result = await asyncio.to_thread(credit.credit, services, guild_id, number, actor)
        return embeds.credited(number, result)
    await services.database.run(actions.dismiss, guild_id, number, actor, services.clock())
    return embeds.dismissed(number)
