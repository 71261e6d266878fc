"""The draw's commands, and the buttons to confirm a draw or claim a prize."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.database.work import Work
from core.kit.discord.buttons import ActionButton, ConfirmButton, Reply, question_view
from core.kit.discord.ui import (
    answer,
    card,
    run_action,
    safe,
    server_command,
    server_group,
    services_of,
    view_of,
)
from core.kit.services import Services
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered
from core.people.exclusions import discord as exclusions
from core.people.exclusions.actions import exclude_seen
from core.people.exclusions.messages import excluded
from core.raffle.actions import Config, config_of
from core.raffle.draw import actions, claims, messages, publishing
from core.raffle.draw.bans import exclude_if_banned

Context = commands.Context[commands.Bot]


MAX_SHOWN = 10


class ClaimButton(
    ActionButton,
    template=r"raffle:claim:(?P<guild_id>[0-9]+):(?P<number>[0-9]+):(?P<k>[0-9]+)",
):
    """Claims the prize. The button is also used in direct messages, so its id contains the
    server."""

    shows_result = True

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

    async def press(self, interaction: discord.Interaction) -> discord.Embed:
        services = services_of(interaction)
        config, prize = config_of(services.settings), (self.number, self.k)
        if interaction.guild_id != self.guild_id:  # pressed in a direct message
            await asyncio.to_thread(exclude_if_banned, services, self.guild_id, interaction.user.id)
        await services.run_as(interaction.user.id, self.guild_id, claims.claim, config, *prize)
        title = "🎁 " + _("Prize claimed!")
        return card(title, _("The team will contact you."), tone="success")


def render_winner(payload: Mapping[str, Any]) -> Rendered:
    """A winner's post. It mentions the winner and has the button while the prize can be claimed."""
    embed = messages.winner(payload)
    if payload["state"] != "drawn":
        return messages.with_page(embed, payload, _("Check it yourself"))
    winner = str(payload["discord_id"])
    calls = int(winner) if winner.isdecimal() and int(winner) else None
    return Rendered(embed, lambda: _claim_view(payload), calls=calls)


def render_won(payload: Mapping[str, Any]) -> Rendered:
    """The direct message to the winner."""
    return Rendered(messages.won(payload), lambda: _claim_view(payload))


def _claim_view(payload: Mapping[str, Any]) -> discord.ui.View:
    claim = ClaimButton(int(payload["guild_id"]), payload["number"], payload["k"])
    page = discord.ui.Button[discord.ui.View](label=_("Check it yourself"), url=payload["page"])
    return view_of(claim, page)


class DrawButton(
    ConfirmButton,
    template=r"raffle:draw:(?P<number>[0-9]+):(?P<how>beacon|without|give_up)(?P<sure>:sure)?",
):
    """Freezes and draws, with or without the beacon; or draws a frozen list without it.

    Args:
        sure: ":sure" once the admin confirmed a draw soon after the last one.
    """

    permission = "manage_guild"

    def __init__(self, number: int, how: str, sure: str = "") -> None:
        label = _("Draw now") if how == "beacon" else _("Draw without beacon")
        super().__init__(label, f"raffle:draw:{number}:{how}{sure}")
        self.number, self.how, self.sure = number, how, sure

    async def confirm(self, interaction: discord.Interaction) -> Reply:
        config = config_of(services_of(interaction).settings)
        last = await run_action(interaction, self._act, config)
        if last is None:
            return messages.freeze_started(self.number)
        again = DrawButton(self.number, self.how, ":sure")
        question = messages.another_draw_question(self.number, last)
        return question, question_view(again, interaction.user.id)

    def _act(self, work: Work, config: Config) -> datetime | None:
        """Run the button. If the admin has to confirm first, do nothing and return when the last
        draw was."""
        if self.how == "give_up":
            actions.give_up_beacon(work, config, self.number)
            return None
        last = None if self.sure else actions.find_recent(work)
        if last is None:
            actions.freeze(work, config, self.number, with_beacon=self.how == "beacon")
        return last


class Draws(commands.Cog):
    """Drawing winners and proving the draw."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._config = config_of(services.settings)

    @server_command("raffledraw", for_admins=True)
    @app_commands.describe(
        raffle="Number of the raffle; default: the oldest undrawn raffle",
        without_beacon="Draw now without the public beacon; the announcement says so",
    )
    async def raffle_draw(
        self, ctx: Context, raffle: int | None = None, without_beacon: bool = False
    ) -> None:
        """Draw a raffle that has ended; asks for confirmation."""
        overdue = await run_action(ctx, actions.find_overdue, raffle)
        if overdue is not None:
            button = DrawButton(overdue.period, "give_up")
            embed = messages.give_up_question(overdue)
        else:
            period, holders = await run_action(ctx, actions.preview, raffle)
            button = DrawButton(period.number, "without" if without_beacon else "beacon")
            embed = messages.question(
                period, holders, not without_beacon, self._config.chain.is_public
            )
        await answer(ctx, embed, question_view(button, ctx.author.id))

    @server_command("rafflehistory")
    async def raffle_history(self, ctx: Context) -> None:
        """Show recent raffles: when they were frozen, who won, and where to verify them."""
        past = await run_action(ctx, publishing.list_past, self._config, MAX_SHOWN)
        await answer(ctx, messages.history(past))

    @server_command("raffleproof", private=True)
    @app_commands.describe(raffle="Number of the raffle; default: the newest one you entered")
    async def raffle_proof(self, ctx: Context, raffle: int | None = None) -> None:
        """Show your entry in a frozen list and how to check that it's yours."""
        found = await run_action(ctx, publishing.get_proof, self._config, raffle)
        await answer(ctx, messages.proof(found), messages.proof_view(found))

    @server_command("raffledelivered", for_admins=True)
    @app_commands.describe(winner="The winner: a mention, or the name in chat")
    async def raffle_delivered(self, ctx: Context, *, winner: str) -> None:
        """Mark a prize as delivered to its winner."""
        pick = await run_action(ctx, claims.deliver, self._config, winner)
        title = _("Prize for raffle #{number} marked as delivered to {name}").format(
            name=safe(pick.name, 60), number=pick.period
        )
        await answer(ctx, card("✅ " + title, tone="success"))

    # -- exclusions -------------------------------------------------------------------------

    @server_group("raffleexclude", fallback="list", for_admins=True)
    async def raffle_exclude(self, ctx: Context) -> None:
        """Show who is excluded from winning, and why."""
        await exclusions.show_excluded(ctx, "raffle")

    @raffle_exclude.command(name="add")
    @app_commands.describe(
        viewer="A mention, or the name in chat", reason="Why, for your own records"
    )
    async def add_exclusion(self, ctx: Context, viewer: str, *, reason: str = "") -> None:
        """Exclude someone from winning; they keep their tickets but aren't in the draw."""
        found = await run_action(ctx, exclude_seen, viewer, "raffle", reason)
        await answer(ctx, excluded(found.name, "raffle"))

    @raffle_exclude.command(name="remove")
    @app_commands.describe(viewer="A mention, or the name in chat")
    async def remove_exclusion(self, ctx: Context, *, viewer: str) -> None:
        """Let someone win again, even after a ban."""
        await exclusions.include(ctx, viewer, "raffle")

    # -- what happens in Discord ------------------------------------------------------------

    @commands.Cog.listener()
    async def on_raw_message_delete(self, deleted: discord.RawMessageDeleteEvent) -> None:
        await self._record_deleted(deleted.guild_id, deleted.channel_id, {deleted.message_id})

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, deleted: discord.RawBulkMessageDeleteEvent) -> None:
        await self._record_deleted(deleted.guild_id, deleted.channel_id, deleted.message_ids)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        await self._record_deleted(channel.guild.id, channel.id, None)

    async def _record_deleted(
        self, guild_id: int | None, channel_id: int, message_ids: set[int] | None
    ) -> None:
        if guild_id is not None:
            await self._services.run_as_bot(guild_id, claims.mark_deleted, channel_id, message_ids)

    @commands.Cog.listener()
    async def on_member_ban(
        self, guild: discord.Guild, user: discord.User | discord.Member
    ) -> None:
        await self._services.run_as_bot(guild.id, actions.set_discord_ban, user.id, True)

    @commands.Cog.listener()
    async def on_member_join(self, member: discord.Member) -> None:
        await self._services.run_as_bot(member.guild.id, actions.set_discord_ban, member.id, False)

    @commands.Cog.listener()
    async def on_member_unban(self, guild: discord.Guild, user: discord.User) -> None:
        await self._services.run_as_bot(guild.id, actions.set_discord_ban, user.id, False)
