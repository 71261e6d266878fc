"""The buttons below a list of suspected misses; found by their custom id, so they outlive
restarts."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

import discord

from core.kick.intake.rules import Settled
from core.kick.misses import actions, credit, echoes, embeds
from core.kit.discord_access import is_admin
from core.kit.discord_ui import kindly, private_word, services_of
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.outbox.discord_courier import Rendered

_TEMPLATE = r"kick\.missed:(?P<act>credit|undo|dismiss):(?P<number>[0-9]{1,9})"

MOST = 5
"""Discord has five rows of buttons; one miss takes one row."""


_STATES: dict[str, Settled] = {
    "credit": "credited",
    "undo": "taken_back",
    "dismiss": "dismissed",
}


def miss_buttons(rows: Iterable[Mapping[str, Any]]) -> discord.ui.View:
    """What can be done about the first few of a list. Needs a running event loop."""
    view = discord.ui.View(timeout=None)
    for place, row in enumerate(list(rows)[:MOST]):
        act = "undo" if row["kind"] == "counted_echo" else "credit"
        view.add_item(MissButton(act, row["number"], place))
        view.add_item(MissButton("dismiss", row["number"], place))
    return view


def alarm(payload: Mapping[str, Any]) -> Rendered:
    """Said to the admins when something new is missing."""
    return Rendered(embeds.alarm(payload), lambda: miss_buttons(payload["misses"]))


class MissButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_TEMPLATE):
    """One of the two, for the miss with this number in the server where it is pressed."""

    def __init__(self, act: str, number: int, row: int | None = None) -> None:
        labels = {
            "credit": _("Credit #{number}"),
            "undo": _("Take back #{number}"),
            "dismiss": _("Dismiss #{number}"),
        }
        style = {"credit": discord.ButtonStyle.success, "undo": discord.ButtonStyle.danger}
        super().__init__(
            discord.ui.Button(
                label=labels[act].format(number=number),
                style=style.get(act, discord.ButtonStyle.secondary),
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
        return await is_admin(interaction, __name__)

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
    """Credit, take back or dismiss; what to answer.

    Raises:
        Refusal: it is settled, or this cannot be done with it.
        Outage: Kick or the database does not answer.
    """
    run, now = services.database.run, services.clock()
    if await run(echoes.is_doubt, guild_id, number):
        doubt = await run(echoes.decide, guild_id, number, _STATES[act], actor, now)
        return embeds.decided(number, act, len(doubt.echoes))
    if act == "credit":
        result = await asyncio.to_thread(credit.credit, services, guild_id, number, actor)
        return embeds.credited(number, result)
    if act == "undo":
        await run(actions.get_miss, guild_id, number)
        raise Refusal(
            _("Number {number} has not counted, so nothing can be taken back.").format(
                number=number
            ),
            _("`/missed dismiss {number}` takes it off the list.").format(number=number),
        )
    await run(actions.dismiss, guild_id, number, actor, now)
    return embeds.dismissed(number)
