"""`/missed`, and the buttons below the review queue."""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from core.kick.review import actions, messages
from core.kick.review.credit import credit
from core.kick.review.rules import Decision
from core.kit.discord.arguments import Number
from core.kit.discord.buttons import MAX_ROWS, AdminButton, Face, button_rows
from core.kit.discord.ui import answer, guild_id_of, run_action, server_group, services_of
from core.kit.services import Services
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered

Context = commands.Context[commands.Bot]


class ReviewButton(AdminButton, address="kick.missed", acts=("credit", "undo", "dismiss")):
    """Decides about the entry with this number."""

    @staticmethod
    def face(act: str) -> Face:
        return {
            "credit": (_("Credit #{number}"), discord.ButtonStyle.success),
            "undo": (_("Take back #{number}"), discord.ButtonStyle.danger),
            "dismiss": (_("Dismiss #{number}"), discord.ButtonStyle.secondary),
        }[act]

    async def press(self, interaction: discord.Interaction) -> discord.Embed:
        assert interaction.guild_id is not None, "admins are known in servers only"
        services, guild_id = services_of(interaction), interaction.guild_id
        return await decide(services, guild_id, self.act, self.number, interaction.user.id)


def review_buttons(rows: Iterable[Mapping[str, Any]]) -> discord.ui.View:
    """Buttons for the first few entries of a list. Needs a running event loop."""
    return button_rows(
        (
            ReviewButton("undo" if row["kind"] == "counted_duplicate" else "credit", row["number"]),
            ReviewButton("dismiss", row["number"]),
        )
        for row in islice(rows, MAX_ROWS)
    )


def alert(payload: Mapping[str, Any]) -> Rendered:
    """The alert for admins about new entries."""
    return Rendered(messages.queue(payload), lambda: review_buttons(payload["events"]))


async def decide(
    services: Services, guild_id: int, act: str, number: int, actor: int
) -> discord.Embed:
    """Credit, take back or dismiss; returns the answer.

    Raises:
        Refusal: it is decided, or the decision does not apply.
        Outage: Kick or the database does not answer.
    """
    if act == "credit":
        result = await asyncio.to_thread(credit, services, guild_id, number, actor)
        return messages.credited(number, result)
    decision: Decision = "taken_back" if act == "undo" else "dismissed"
    entry = await services.run_as(actor, guild_id, actions.decide, number, decision)
    return messages.taken_back(entry) if act == "undo" else messages.dismissed(entry)


class Missed(commands.Cog):
    """Gifts, subscriptions and Kicks that Kick missed or sent twice."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @server_group("missed", for_admins=True, fallback="list")
    async def missed(self, ctx: Context) -> None:
        """List events Kick may have missed or sent twice."""
        payload = messages.payload(await run_action(ctx, actions.list_queue))
        view = review_buttons(payload["events"]) if payload["count"] else None
        await answer(ctx, messages.queue(payload), view)

    @missed.command(name="credit")
    @app_commands.describe(number="The number in the list")
    async def credit(self, ctx: Context, number: Number) -> None:
        """Count a missed event as if Kick had sent it. It counts only once."""
        await self._decide(ctx, "credit", number)

    @missed.command(name="dismiss")
    @app_commands.describe(number="The number in the list")
    async def dismiss(self, ctx: Context, number: Number) -> None:
        """Remove an event from the list without counting anything."""
        await self._decide(ctx, "dismiss", number)

    @missed.command(name="undo")
    @app_commands.describe(number="The number in the list")
    async def undo(self, ctx: Context, number: Number) -> None:
        """Stop counting a subscription that was really the same gift."""
        await self._decide(ctx, "undo", number)

    async def _decide(self, ctx: Context, act: str, number: int) -> None:
        embed = await decide(self._services, guild_id_of(ctx), act, number, ctx.author.id)
        await answer(ctx, embed)
