"""`/slotcalls`, and the buttons below each post."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from core.drand.client import chain_of
from core.kit.discord.arguments import Count, Number, Whole
from core.kit.discord.buttons import FormButton, form_of
from core.kit.discord.paginator import Page, Paginator, Reader, nearest_page, page_view, show
from core.kit.discord.ui import (
    answer,
    require_permissions,
    run_action,
    server_command,
    server_group,
    services_of,
    view_of,
)
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered
from core.people.exclusions import discord as exclusions
from core.people.exclusions.messages import excluded
from core.people.names import public_name, public_names
from core.slot_calls import actions, messages, panel, picks, store

Context = commands.Context[commands.Bot]


class CallButton(
    FormButton, template=r"slot_calls:(?P<action>done|skip|hunt|ban|block):(?P<number>[0-9]+)"
):
    """Closes a call, adds it to the bonus hunt, bans its game, or blocks its viewer."""

    permission = "manage_messages"

    def __init__(self, action: str, number: int) -> None:
        label, style = {
            "done": (_("Played"), discord.ButtonStyle.success),
            "skip": (_("Skip"), discord.ButtonStyle.secondary),
            "hunt": (_("Add to hunt"), discord.ButtonStyle.primary),
            "ban": (_("Ban game"), discord.ButtonStyle.danger),
            "block": (_("Block viewer"), discord.ButtonStyle.danger),
        }[action]
        custom_id = f"slot_calls:{action}:{number}"
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))
        self.action, self.number = action, number

    def form(self) -> discord.ui.Modal | None:
        return form_of(_("Add to hunt"), bet=_("Bet")) if self.action == "hunt" else None

    async def submit(
        self, interaction: discord.Interaction, typed: Mapping[str, str]
    ) -> discord.Embed | None:
        if self.action == "hunt":
            # The outbox edits the post, so it is right even if the process dies here.
            await run_action(interaction, actions.add_to_hunt, self.number, typed["bet"])
            return None
        if self.action == "block":
            name = await run_action(interaction, actions.block_caller, self.number)
            return excluded(name, "slot_calls")
        if self.action == "ban":
            title = await run_action(interaction, actions.ban_game, self.number)
            return messages.game_banned(title)
        state: actions.Closed = "done" if self.action == "done" else "skipped"
        await run_action(interaction, actions.close_call, self.number, state)
        return None


def call_buttons(number: int) -> discord.ui.View:
    """The moderators' buttons below a call. Needs a running event loop."""
    acts = ("done", "skip", "hunt", "ban", "block")
    return view_of(*(CallButton(act, number) for act in acts))


def render_post(payload: Mapping[str, Any]) -> Rendered:
    """A call's post: with buttons while it is open."""
    embed = messages.post(payload)
    if payload["state"] != "open":
        return Rendered(embed)
    return Rendered(embed, lambda: call_buttons(payload["number"]))


async def _open_queue(reader: Reader, _key: str, number: int) -> Page:
    calls = await reader.run_action(store.list_open)
    names = await reader.run_action(store.get_names)
    viewers = await reader.run_action(public_names, [call.viewer_id for call in calls])
    number, pages = nearest_page(number, len(calls), messages.PER_PAGE)
    return Page(messages.queue(calls, number, pages, names, viewers), number, pages)


QUEUE = Paginator("slot_calls_queue", "queue", _open_queue)


async def _open_history(reader: Reader, _key: str, number: int) -> Page:
    found = await reader.run_action(store.get_history)
    number, pages = nearest_page(number, len(found.played), messages.PER_PAGE)
    calls = [*found.played, *filter(None, (found.best, found.worst))]
    viewers = await reader.run_action(public_names, [call.viewer_id for call in calls])
    return Page(messages.history(found, number, pages, viewers), number, pages)


HISTORY = Paginator("slot_history", "slotcalls history", _open_history)


def render_pick(payload: Mapping[str, Any]) -> Rendered:
    return Rendered(messages.random_pick(payload))


def render_panel(payload: Mapping[str, Any]) -> Rendered:
    """The queue panel, with buttons that show more pages in private."""
    pages = nearest_page(1, payload["waiting"], messages.PER_PAGE)[1]
    embed = messages.panel(payload)
    return Rendered(embed, lambda: page_view(QUEUE, Page(embed, 1, pages), owner_id=0))


class SlotCalls(commands.Cog):
    """Slot requests from chat."""

    @server_command("queue", private=True)
    async def show_queue(self, ctx: Context) -> None:
        """Show the queue of slot requests."""
        await show(ctx, QUEUE)

    @server_group("slotcalls", fallback="status", for_admins=True)
    async def slotcalls(self, ctx: Context) -> None:
        """Show whether slot requests are on, their channel and the limits."""
        await answer(ctx, messages.status(await run_action(ctx, actions.get_status)))

    @slotcalls.command(name="on")
    async def on(self, ctx: Context) -> None:
        """Turn slot requests on."""
        await self._configure(ctx, enabled=True)

    @slotcalls.command(name="off")
    async def off(self, ctx: Context) -> None:
        """Turn slot requests off; the queue stays."""
        await self._configure(ctx, enabled=False)

    @slotcalls.command(name="close")
    async def close(self, ctx: Context) -> None:
        """Stop taking new requests; the queue stays."""
        await self._configure(ctx, closed=True)

    @slotcalls.command(name="open")
    async def open(self, ctx: Context) -> None:
        """Take new requests again."""
        await self._configure(ctx, closed=False, enabled=True)

    @slotcalls.command(name="channel")
    @app_commands.describe(channel="The channel for slot requests")
    async def channel(self, ctx: Context, channel: discord.TextChannel) -> None:
        """Set the channel where slot requests are posted."""
        require_permissions(channel, ctx.me)
        await self._configure(ctx, channel=channel.id)

    @slotcalls.command(name="limits", ignore_extra=False)
    @app_commands.describe(
        per_viewer="Open requests per viewer",
        cooldown="Seconds a viewer has to wait between requests",
    )
    async def limits(
        self,
        ctx: Context,
        per_viewer: Count | None = None,
        cooldown: Annotated[int, Whole(unit="s")] | None = None,
    ) -> None:
        """Set how many open requests a viewer can have, and the cooldown between them."""
        await self._configure(ctx, max_open=per_viewer, cooldown_seconds=cooldown)

    async def _configure(self, ctx: Context, **values: Any) -> None:
        await answer(ctx, messages.status(await run_action(ctx, actions.configure, **values)))

    @slotcalls.command(name="queue")
    async def queue(self, ctx: Context) -> None:
        """Show the queue."""
        await show(ctx, QUEUE)

    @slotcalls.command(name="panel")
    @app_commands.describe(channel="The channel; default: this one")
    async def panel(self, ctx: Context, channel: discord.TextChannel | None = None) -> None:
        """Post a panel that always shows the current queue."""
        place = channel or ctx.channel
        assert isinstance(place, discord.abc.GuildChannel), "the command is for servers only"
        require_permissions(place, ctx.me)
        await run_action(ctx, panel.post_panel, place.id)
        await answer(ctx, messages.panel_posted(place.id))

    @slotcalls.command(name="nopanel")
    async def nopanel(self, ctx: Context) -> None:
        """Delete the queue panel."""
        await run_action(ctx, panel.remove_panel)
        await answer(ctx, messages.panel_removed())

    @slotcalls.command(name="played", ignore_extra=False)
    @app_commands.describe(number="Number of the request", bet="The bet", win="The win")
    async def played(self, ctx: Context, number: Number, bet: str, win: str) -> None:
        """Enter the bet and win of a request and mark it as played."""
        call = await run_action(ctx, actions.record_result, number, bet, win)
        await answer(ctx, messages.result_recorded(call))

    @slotcalls.command(name="history")
    async def history(self, ctx: Context) -> None:
        """Show played requests, with the best and worst game."""
        await show(ctx, HISTORY)

    @slotcalls.command(name="pick")
    @app_commands.describe(how="random: decided by the beacon; oldest: the first in the queue")
    async def pick(self, ctx: Context, how: Literal["random", "oldest"] = "random") -> None:
        """Pick the next request to play."""
        if how == "oldest":
            call = await run_action(ctx, picks.pick_first)
            viewer = await run_action(ctx, public_name, call.viewer_id)
            await answer(ctx, messages.picked(call, viewer))
            return
        chain = chain_of(services_of(ctx).settings)
        started = await run_action(ctx, picks.start_random_pick, chain)
        await answer(ctx, messages.picking(started.number))

    @slotcalls.command(name="hunt")
    @app_commands.describe(number="Number of the request", bet="Bet of the bonus")
    async def hunt(self, ctx: Context, number: Number, bet: str) -> None:
        """Add the game of a request to the bonus hunt."""
        bonus = await run_action(ctx, actions.add_to_hunt, number, bet)
        await answer(ctx, messages.added_to_hunt(bonus))

    @slotcalls.command(name="clear")
    async def clear(self, ctx: Context) -> None:
        """Skip every request in the queue."""
        await answer(ctx, messages.queue_cleared(await run_action(ctx, actions.clear_queue)))

    @slotcalls.command(name="block")
    @app_commands.describe(viewer="A mention, a Discord id or a name in chat")
    async def block(self, ctx: Context, *, viewer: str) -> None:
        """Ignore a viewer's slot requests and skip their open ones."""
        name = await run_action(ctx, actions.block_by_name, viewer)
        await answer(ctx, excluded(name, "slot_calls"))

    @slotcalls.command(name="unblock")
    @app_commands.describe(viewer="A mention, a Discord id or a name in chat")
    async def unblock(self, ctx: Context, *, viewer: str) -> None:
        """Accept slot requests from a blocked viewer again."""
        await exclusions.include(ctx, viewer, "slot_calls")

    @slotcalls.command(name="blocked")
    async def blocked(self, ctx: Context) -> None:
        """List blocked viewers."""
        await exclusions.show_excluded(ctx, "slot_calls")
