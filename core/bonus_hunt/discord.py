"""`/hunt` and `/guess`, and the buttons below the hunt's message."""

from collections.abc import Mapping
from io import BytesIO
from typing import Annotated, Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from core.bonus_hunt import actions, guessing, messages, panel, steps, store
from core.kit.discord.arguments import Number, Phrase
from core.kit.discord.buttons import FormButton, form_of
from core.kit.discord.paginator import Page, Paginator, Reader, nearest_page, show
from core.kit.discord.ui import (
    answer,
    require_permissions,
    run_action,
    server_command,
    server_group,
    view_of,
)
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered
from core.people.names import public_names

Context = commands.Context[commands.Bot]

CHART = "bonus-hunt.png"
Title = Annotated[str, Phrase()]
Value = Annotated[str, Phrase(at_end=True)]
_POSITION = "Number of the bonus; default: the next one"


class HuntButton(
    FormButton,
    template=(
        r"bonus_hunt:(?P<act>add|open|result|skip|undo|finish|guess_open|guess_close)"
        r":(?P<hunt>[0-9]{1,9}):(?P<at>[0-9]{1,9})"
    ),
):
    """Does one step of a hunt.

    Args:
        at: the number of the bonus; for *Undo* the version of the hunt.
    """

    permission = "manage_messages"

    def __init__(self, act: str, hunt: int, at: int = 0) -> None:
        blue, grey = discord.ButtonStyle.primary, discord.ButtonStyle.secondary
        label, style = {
            "add": (_("Add bonus"), discord.ButtonStyle.success),
            "open": (_("Open"), blue),
            "result": (_("Result of #{at}").format(at=at), discord.ButtonStyle.success),
            "skip": (_("Skip #{at}").format(at=at), grey),
            "undo": (_("Undo"), grey),
            "finish": (_("Finish"), blue),
            "guess_open": (_("Open guessing"), grey),
            "guess_close": (_("Close guessing"), grey),
        }[act]
        custom_id = f"bonus_hunt:{act}:{hunt}:{at}"
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))
        self.act, self.hunt, self.at = act, hunt, at

    def form(self) -> discord.ui.Modal | None:
        if self.act == "add":
            by = _("Who requested it?")
            return form_of(_("Add bonus"), game=_("Game"), bet=_("Bet"), by=by)
        if self.act == "result":
            return form_of(_("Result of #{at}").format(at=self.at), payout=_("Payout"))
        return None

    async def submit(
        self, interaction: discord.Interaction, typed: Mapping[str, str]
    ) -> discord.Embed | None:
        run, hunt, at = run_action, self.hunt, self.at
        match self.act:
            case "add":
                given = typed["game"], typed["bet"], typed.get("by", "")
                await run(interaction, actions.add_typed, *given, number=hunt)
            case "open":
                await run(interaction, actions.open_hunt, hunt)
            case "result":
                await run(interaction, actions.record_result, typed["payout"], at, hunt)
            case "skip":
                await run(interaction, actions.skip_bonus, at, hunt)
            case "undo":
                return messages.undone(await run(interaction, steps.undo, hunt, at))
            case "finish":
                await run(interaction, actions.finish, hunt)
            case _:
                opened = self.act == "guess_open"
                await run(interaction, actions.set_guessing, opened=opened, number=hunt)
        return None  # the outbox edits the message, so it is right even if the process dies here


def hunt_buttons(payload: Mapping[str, Any]) -> discord.ui.View | None:
    """Buttons for the next possible steps. Needs a running event loop."""
    if payload["state"] == "finished":
        return None
    hunt, guesses_open = payload["hunt"], payload["guesses_open"]
    acts: list[tuple[str, int]] = [("add", 0), ("undo", payload["version"])]
    if payload["state"] == "collecting":
        acts += [("open", 0)] if payload["total"] else []
    elif payload["next"]:
        acts = [("result", payload["next"]), ("skip", payload["next"]), *acts]
    else:
        acts.append(("finish", 0))
    if guesses_open or not payload["payout_known"]:
        acts.append(("guess_close" if guesses_open else "guess_open", 0))
    return view_of(*(HuntButton(act, hunt, at) for act, at in acts))


def render_message(payload: Mapping[str, Any]) -> Rendered:
    """The hunt's message: with buttons while it is in progress, with a chart once it is
    finished."""
    embed = messages.hunt(payload)
    if not payload["chart"]:
        return Rendered(embed, lambda: hunt_buttons(payload))
    draw, says = messages.chart(payload), messages.chart_words(payload)
    embed.set_image(url=f"attachment://{CHART}")
    return Rendered(embed, files=lambda: [discord.File(BytesIO(draw()), CHART, description=says)])


async def _open_history(reader: Reader, _key: str, number: int) -> Page:
    views = await reader.run_action(store.list_hunts)
    number, pages = nearest_page(number, len(views), messages.PER_PAGE)
    return Page(messages.history(views, number, pages), number, pages)


HISTORY = Paginator("hunt_history", "hunt history", _open_history)


class BonusHunts(commands.Cog):
    """Bonus hunts, and guessing their balance."""

    @server_command("guess", private=True)
    @app_commands.describe(amount="How much you think the hunt will return")
    async def guess(self, ctx: Context, *, amount: str) -> None:
        """Guess how much the bonus hunt returns; your last guess counts."""
        await answer(ctx, messages.guessed(*await run_action(ctx, guessing.guess_here, amount)))

    @server_group("hunt", fallback="show", for_admins=True)
    async def hunt(self, ctx: Context) -> None:
        """Post the bonus hunt's message here and delete the previous one."""
        hunt = await run_action(ctx, panel.show, _here(ctx))
        await answer(ctx, messages.shown(hunt))

    @hunt.command(name="start", ignore_extra=False)
    @app_commands.describe(
        name="Name of the hunt",
        start_cost="Total cost of the bonuses",
        currency="Its code or symbol, such as EUR, $ or BTC",
    )
    async def start(self, ctx: Context, name: Title, start_cost: str, currency: str = "") -> None:
        """Start a bonus hunt; its message appears in this channel."""
        given = name, start_cost, currency, _here(ctx)
        await answer(ctx, messages.started(await run_action(ctx, actions.start, *given)))

    @hunt.command(name="add", ignore_extra=False)
    @app_commands.describe(
        game="The game", bet="Bet of the bonus", by="The viewer who requested it, if any"
    )
    async def add(self, ctx: Context, game: Title, bet: str, *, by: str = "") -> None:
        """Add a bonus."""
        await answer(ctx, messages.added(await run_action(ctx, actions.add_typed, game, bet, by)))

    @hunt.command(name="remove")
    @app_commands.describe(number="Number of the bonus")
    async def remove(self, ctx: Context, number: Number) -> None:
        """Remove a bonus from the hunt."""
        await answer(ctx, messages.removed(await run_action(ctx, actions.remove_bonus, number)))

    @hunt.command(name="open")
    async def open(self, ctx: Context) -> None:
        """Stop collecting bonuses and start entering results."""
        await answer(ctx, messages.opening(await run_action(ctx, actions.open_hunt)))

    @hunt.command(name="result", ignore_extra=False)
    @app_commands.describe(payout="The payout", number=_POSITION)
    async def result(self, ctx: Context, payout: str, number: int | None = None) -> None:
        """Enter a bonus's payout; the first result closes guessing."""
        bonus = await run_action(ctx, actions.record_result, payout, number)
        await answer(ctx, messages.result(bonus))

    @hunt.command(name="skip", ignore_extra=False)
    @app_commands.describe(number=_POSITION)
    async def skip(self, ctx: Context, number: int | None = None) -> None:
        """Skip a bonus."""
        await answer(ctx, messages.skipped(await run_action(ctx, actions.skip_bonus, number)))

    @hunt.command(name="undo")
    async def undo(self, ctx: Context) -> None:
        """Undo the last step; run it again to undo the step before."""
        await answer(ctx, messages.undone(await run_action(ctx, steps.undo)))

    @hunt.command(name="edit", ignore_extra=False)
    @app_commands.describe(
        what="What to correct", value="The correct value", number="Number of the bonus"
    )
    async def edit(
        self, ctx: Context, what: actions.Editable, value: Value, number: int | None = None
    ) -> None:
        """Correct a bonus, or the hunt's name or start cost."""
        hunt = await run_action(ctx, actions.edit, what, value, number)
        await answer(ctx, messages.edited(hunt))

    @hunt.command(name="guesses")
    @app_commands.describe(what="Open or close guessing")
    async def guesses(self, ctx: Context, what: Literal["open", "close"]) -> None:
        """Open or close guessing."""
        hunt = await run_action(ctx, actions.set_guessing, opened=what == "open")
        await answer(ctx, messages.guessing(hunt))

    @hunt.command(name="finish")
    async def finish(self, ctx: Context) -> None:
        """End the hunt and find the best guess."""
        await answer(ctx, messages.finished(await run_action(ctx, actions.finish)))

    @hunt.command(name="reopen", ignore_extra=False)
    @app_commands.describe(number="Number of the hunt; default: the last one")
    async def reopen(self, ctx: Context, number: int | None = None) -> None:
        """Reopen a finished hunt; its guessing has no winner until it ends again."""
        await answer(ctx, messages.reopened(await run_action(ctx, actions.reopen, number)))

    @hunt.command(name="history")
    async def history(self, ctx: Context) -> None:
        """List the bonus hunts."""
        await show(ctx, HISTORY)

    @hunt.command(name="stats")
    async def stats(self, ctx: Context) -> None:
        """Show profit and loss of all bonus hunts, with the best and worst game."""
        found = await run_action(ctx, store.get_stats)
        callers = [bonus.viewer_id for bonus in (found.best, found.worst) if bonus is not None]
        names = await run_action(ctx, public_names, callers)
        await answer(ctx, messages.stats(found, names))


def _here(ctx: Context) -> int:
    """The channel of the command. Raises Refusal if the bot cannot post there."""
    place = ctx.channel
    assert isinstance(place, discord.abc.GuildChannel | discord.Thread), "it is for servers only"
    require_permissions(place, ctx.me)
    return place.id
