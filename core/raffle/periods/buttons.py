"""The buttons under the questions of `/raffleend`, `/rafflerestart` and `/rafflecancel`. They name
the raffle, so a second click, or another admin's, never changes the next one."""

import re
from typing import Any

import discord
from sqlalchemy import Connection

from core.kit.discord_access import is_admin
from core.kit.discord_questions import question_view
from core.kit.discord_ui import kindly, services_of
from core.kit.paginator import Page, Paginator, Reader, link_to
from core.kit.services import Services
from core.kit.words import _
from core.raffle.actions import find_problem
from core.raffle.config import config_of
from core.raffle.periods import actions, embeds
from core.raffle.periods.info import get_info

_Button = discord.ui.Button[discord.ui.View]


def change_view(what: str, number: int, asker_id: int) -> discord.ui.View:
    """Yes and no. Needs a running event loop."""
    return question_view(ChangeButton(what, number), asker_id, _("Cancel"))


class ChangeButton(
    discord.ui.DynamicItem[_Button],
    template=r"raffle:(?P<what>end|restart|cancel):(?P<number>[0-9]{1,9})",
):
    """An admin is sure. Needs a running event loop."""

    def __init__(self, what: str, number: int) -> None:
        label = {
            "end": _("End raffle #{number}"),
            "restart": _("Restart raffle #{number}"),
            "cancel": _("Cancel raffle #{number}"),
        }[what]
        super().__init__(
            discord.ui.Button(
                label=label.format(number=number),
                style=discord.ButtonStyle.danger,
                custom_id=f"raffle:{what}:{number}",
            )
        )
        self.what, self.number = what, number

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "ChangeButton":
        return cls(match["what"], int(match["number"]))

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await is_admin(interaction, __name__)

    async def callback(self, interaction: discord.Interaction) -> None:
        services = services_of(interaction)
        async with kindly(interaction):
            await interaction.response.defer()
            embed = await services.database.run(self._act, interaction, services)
            await interaction.edit_original_response(embed=embed, view=None)

    def _act(
        self, tx: Connection, interaction: discord.Interaction, services: Services
    ) -> discord.Embed:
        guild_id, actor, now = interaction.guild_id or 0, interaction.user.id, services.clock()
        if self.what == "end":
            return embeds.ended(actions.end(tx, guild_id, self.number, actor, now))
        if self.what == "cancel":
            return embeds.cancelled(actions.cancel(tx, guild_id, self.number, actor, now))
        config = config_of(services.settings)
        _ended, opened = actions.restart(tx, config, guild_id, self.number, actor, now)
        return embeds.opened(opened, find_problem(tx, guild_id))


async def _open_info(reader: Reader, _key: str, _number: int) -> Page:
    services = reader.services
    found = await services.database.run(
        get_info,
        config_of(services.settings),
        reader.guild.id,
        services.clock(),
        is_admin=reader.is_admin,
    )
    below = (link_to(_("My tickets"), "raffle_tickets"), link_to(_("Board"), "raffle_board", "10."))
    return Page(embeds.info(found), 1, 1, below=below if found.period else ())


INFO = Paginator("raffle_info", "raffleinfo", _open_info)
