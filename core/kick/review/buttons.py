"""The buttons below the review queue."""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import discord

from core.kick.review import actions, credit, duplicates, embeds
from core.kick.review.rules import Decision
from core.kit.discord_buttons import MOST_ROWS, AdminButton, Face, button_rows
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.outbox.discord_transport import Rendered

_STATES: dict[str, Decision] = {
    "credit": "credited",
    "undo": "taken_back",
    "dismiss": "dismissed",
}


def review_buttons(rows: Iterable[Mapping[str, Any]]) -> discord.ui.View:
    """What can be done about the first few of a list. Needs a running event loop."""
    return button_rows(
        (
            ReviewButton("undo" if row["kind"] == "counted_duplicate" else "credit", row["number"]),
            ReviewButton("dismiss", row["number"]),
        )
        for row in islice(rows, MOST_ROWS)
    )


def alarm(payload: Mapping[str, Any]) -> Rendered:
    """Alert the admins of new entries."""
    return Rendered(embeds.alarm(payload), lambda: review_buttons(payload["events"]))


class ReviewButton(AdminButton, address="kick.missed", acts=("credit", "undo", "dismiss")):
    """Decides about the entry with this number."""

    @staticmethod
    def face(act: str) -> Face:
        return {
            "credit": (_("Credit #{number}"), discord.ButtonStyle.success),
            "undo": (_("Take back #{number}"), discord.ButtonStyle.danger),
            "dismiss": (_("Dismiss #{number}"), discord.ButtonStyle.secondary),
        }[act]

    async def perform(self, services: Services, guild: discord.Guild, actor: int) -> discord.Embed:
        return await settle(services, guild.id, self.act, self.number, actor)


async def settle(
    services: Services, guild_id: int, act: str, number: int, actor: int
) -> discord.Embed:
    """Credit, take back or dismiss; what to answer.

    Raises:
        Refusal: it is decided, or the decision does not apply.
        Outage: Kick or the database does not answer.
    """
    run, now = services.database.run, services.clock()
    if await run(duplicates.is_duplicate, guild_id, number):
        group = await run(duplicates.decide, guild_id, number, _STATES[act], actor, now)
        return embeds.decided(number, act, len(group.duplicates))
    if act == "credit":
        result = await asyncio.to_thread(credit.credit, services, guild_id, number, actor)
        return embeds.credited(number, result)
    if act == "undo":
        await run(actions.get_missed, guild_id, number)
        raise Refusal(
            _("Number {number} has not counted, so nothing can be taken back.").format(
                number=number
            ),
            _("`/missed dismiss {number}` takes it off the list.").format(number=number),
        )
    await run(actions.dismiss, guild_id, number, actor, now)
    return embeds.dismissed(number)
