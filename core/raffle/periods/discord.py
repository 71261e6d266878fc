"""`/raffleinfo`, and the admin commands to start, end and move raffles."""

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.database.work import Work
from core.kit.discord.buttons import ConfirmButton, question_view
from core.kit.discord.paginator import Page, Paginator, Reader, link_to, show
from core.kit.discord.ui import answer, run_action, server_command, services_of
from core.kit.services import Services
from core.kit.text.words import _
from core.raffle.actions import Config, config_of, find_problem
from core.raffle.ledger.discord import TICKETS, board_button
from core.raffle.ledger.store import get_pool
from core.raffle.periods import actions, messages
from core.raffle.periods.rules import parse_date

Context = commands.Context[commands.Bot]
Day = commands.Range[int, 1, 31]


async def _open_info(reader: Reader, _key: str, _number: int) -> Page:
    config = config_of(reader.services.settings)
    found = await reader.run_action(actions.get_info, config, is_admin=reader.is_admin)
    below = (link_to(_("My tickets"), TICKETS.name), board_button())
    return Page(messages.info(found), below=below)


INFO = Paginator("raffle_info", "raffleinfo", _open_info)


class ChangeButton(
    ConfirmButton, template=r"raffle:(?P<what>end|restart|cancel):(?P<number>[0-9]{1,9})"
):
    """Confirms a question. It contains the raffle's number, so that a second click, or another
    admin's, never changes the next raffle."""

    permission = "manage_guild"

    def __init__(self, what: str, number: int) -> None:
        label = {
            "end": _("End raffle #{number}"),
            "restart": _("Restart raffle #{number}"),
            "cancel": _("Cancel raffle #{number}"),
        }[what]
        super().__init__(label.format(number=number), f"raffle:{what}:{number}")
        self.what, self.number = what, number

    async def confirm(self, interaction: discord.Interaction) -> discord.Embed:
        return await run_action(
            interaction, self._change, config_of(services_of(interaction).settings)
        )

    def _change(self, work: Work, config: Config) -> discord.Embed:
        if self.what == "restart":
            return messages.opened(actions.restart(work, config, self.number), find_problem(work))
        action = actions.end if self.what == "end" else actions.cancel
        return messages.changed(self.what, action(work, self.number))


def _start(work: Work, config: Config, first: int | None, last: int | None) -> discord.Embed:
    return messages.opened(actions.start(work, config, first, last), find_problem(work))


def _load_question(work: Work, what: str, number: int | None) -> tuple[int, discord.Embed]:
    """The raffle's number, and the question about it."""
    if what == "cancel":
        period = actions.get_to_cancel(work, number)
    else:
        period = actions.get_to_end(work, has_begun=what == "restart")
    pool = get_pool(work, period.number)
    return period.number, messages.question(what, period, pool, work.now)


class RaffleCalendar(commands.Cog):
    """The current raffle, and when raffles start and end."""

    def __init__(self, services: Services) -> None:
        self._config = config_of(services.settings)

    @server_command("raffleinfo")
    async def raffle_info(self, ctx: Context) -> None:
        """Show the raffle: prize, time left, how to earn tickets, how it is drawn, last winners."""
        await show(ctx, INFO)

    @server_command("rafflestart", for_admins=True, ignore_extra=False)
    @app_commands.describe(
        start_day="Day of this month; default: now",
        end_day="Last day of the raffle; default: the last day of the month",
    )
    async def raffle_start(
        self, ctx: Context, start_day: Day | None = None, end_day: Day | None = None
    ) -> None:
        """Open a raffle; after that, a new one opens on the 1st of each month."""
        await answer(ctx, await run_action(ctx, _start, self._config, start_day, end_day))

    @server_command("raffleend", for_admins=True)
    async def raffle_end(self, ctx: Context) -> None:
        """End the raffle; asks for confirmation. No new one opens until `/rafflestart`."""
        await self._ask(ctx, "end")

    @server_command("rafflerestart", for_admins=True)
    async def raffle_restart(self, ctx: Context) -> None:
        """End the raffle and start a new one with zero tickets and the same end date."""
        await self._ask(ctx, "restart")

    @server_command("rafflecancel", for_admins=True)
    @app_commands.describe(raffle="Number of the raffle; default: the current one")
    async def raffle_cancel(self, ctx: Context, raffle: int | None = None) -> None:
        """Cancel a raffle: nobody wins and its tickets no longer count."""
        await self._ask(ctx, "cancel", raffle)

    async def _ask(self, ctx: Context, what: str, raffle: int | None = None) -> None:
        number, question = await run_action(ctx, _load_question, what, raffle)
        await answer(ctx, question, question_view(ChangeButton(what, number), ctx.author.id))

    @server_command("rafflesetdate", for_admins=True)
    @app_commands.describe(
        start="First day, such as 2026-12-01", end="Last day, such as 2026-12-24"
    )
    async def raffle_set_date(self, ctx: Context, start: str, end: str) -> None:
        """Change the dates of the current or next raffle, or open one for those dates."""
        first, last = parse_date(start), parse_date(end)
        moved = await run_action(ctx, actions.set_dates, self._config, first, last)
        await answer(ctx, messages.changed("move", moved))
