"""The winner's button and the admin's. Their custom ids say what they do, so they survive restarts.

The winner's is also under a direct message, so its id contains the server.
"""

import re
from datetime import datetime
from typing import Any

import discord
from sqlalchemy import Connection

from core.kit.discord_access import is_admin
from core.kit.discord_questions import question_view
from core.kit.discord_ui import ago, card, kindly, private_word, services_of
from core.kit.services import Services
from core.kit.words import _
from core.raffle.config import config_of
from core.raffle.draw import actions, winning

_CLAIM = r"raffle:claim:(?P<guild>[0-9]+):(?P<number>[0-9]+):(?P<k>[0-9]+)"
_DRAW = r"raffle:draw:(?P<number>[0-9]+):(?P<how>beacon|without|give_up)(?P<sure>:sure)?"

_Button = discord.ui.Button[discord.ui.View]


class ClaimButton(discord.ui.DynamicItem[_Button], template=_CLAIM):
    """Claims the prize. Needs a running event loop."""

    def __init__(self, guild_id: int, number: int, k: int) -> None:
        super().__init__(
            discord.ui.Button(
                label=_("Claim the prize"),
                emoji="🎁",
                style=discord.ButtonStyle.success,
                custom_id=f"raffle:claim:{guild_id}:{number}:{k}",
            )
        )
        self.guild_id, self.number, self.k = guild_id, number, k

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "ClaimButton":
        return cls(int(match["guild"]), int(match["number"]), int(match["k"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        services = services_of(interaction)
        async with kindly(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            await services.database.run(
                winning.claim,
                config_of(services.settings),
                self.guild_id,
                self.number,
                self.k,
                interaction.user.id,
                services.clock(),
            )
            body = _("The team will contact you.")
            await private_word(interaction, card("🎁 " + _("Prize claimed!"), body, tone="success"))


def draw_view(number: int, how: str, asker_id: int, *, sure: bool = False) -> discord.ui.View:
    """Asks whether to draw. Needs a running event loop."""
    return question_view(DrawButton(number, how, sure=sure), asker_id, _("Cancel"))


class DrawButton(discord.ui.DynamicItem[_Button], template=_DRAW):
    """Freezes and draws, with the beacon or without; or draws a frozen list without it.

    Args:
        sure: the admin confirmed that this is another draw soon after the last one.
    """

    def __init__(self, number: int, how: str, *, sure: bool = False) -> None:
        label = {
            "beacon": _("Draw now"),
            "without": _("Draw without beacon"),
            "give_up": _("Draw without beacon"),
        }[how]
        super().__init__(
            discord.ui.Button(
                label=label,
                style=discord.ButtonStyle.danger,
                custom_id=f"raffle:draw:{number}:{how}" + (":sure" if sure else ""),
            )
        )
        self.number, self.how, self.sure = number, how, sure

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "DrawButton":
        return cls(int(match["number"]), match["how"], sure=match["sure"] is not None)

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await is_admin(interaction, __name__)

    async def callback(self, interaction: discord.Interaction) -> None:
        services = services_of(interaction)
        async with kindly(interaction):
            await interaction.response.defer()
            last = await services.database.run(self._act, interaction, services)
            view = None
            if last is None:
                title = _("Raffle #{number} is frozen").format(number=self.number)
                body = _("It will be announced, and then drawn automatically.")
                embed = card("🧊 " + title, body, tone="success")
            else:
                title = _("Draw raffle #{number} anyway?").format(number=self.number)
                body = _("The last draw was {when}.").format(when=ago(last))
                embed = card("⚠️ " + title, body, tone="warning")
                view = draw_view(self.number, self.how, interaction.user.id, sure=True)
            await interaction.edit_original_response(embed=embed, view=view)

    def _act(
        self, tx: Connection, interaction: discord.Interaction, services: Services
    ) -> datetime | None:
        """Returns when the last draw was if the admin has to confirm first, and does nothing."""
        guild_id, actor, now = interaction.guild_id or 0, interaction.user.id, services.clock()
        config = config_of(services.settings)
        if self.how == "give_up":
            actions.give_up_beacon(tx, config, guild_id, self.number, actor, now)
            return None
        last = None if self.sure else actions.find_recent(tx, guild_id, now)
        if last is None:
            with_beacon = self.how == "beacon"
            actions.freeze(tx, config, guild_id, self.number, actor, now, with_beacon=with_beacon)
        return last
