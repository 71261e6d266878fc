"""`/heist`, and the buttons below a heist's message."""

from collections.abc import Mapping
from typing import Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from core.guilds.actions import change_setting, load_settings
from core.heist import actions, messages, owed, store
from core.heist.rules import HeistSettings
from core.kit.database.work import Work
from core.kit.discord.buttons import ActionButton, AdminButton, Face, button_rows
from core.kit.discord.paginator import Page, Paginator, Reader, nearest_page, show
from core.kit.discord.ui import answer, card, run_action, server_group
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered
from core.points import providers

Context = commands.Context[commands.Bot]


class HeistButton(ActionButton, template=r"heist:(?P<act>start|cancel|odds)"):
    """Starts or cancels a heist, or shows the odds."""

    permission = "manage_messages"

    def __init__(self, act: str) -> None:
        grey = discord.ButtonStyle.secondary
        label, style = {
            "start": (_("Start next heist"), discord.ButtonStyle.success),
            "cancel": (_("Cancel"), discord.ButtonStyle.danger),
            "odds": (_("Odds"), grey),
        }[act]
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"heist:{act}"))
        self.act = act

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return self.act == "odds" or await super().interaction_check(interaction)

    async def press(self, interaction: discord.Interaction) -> discord.Embed | None:
        match self.act:
            case "start":
                return messages.started(await run_action(interaction, actions.start))
            case "cancel":
                return messages.cancelled(await run_action(interaction, actions.cancel))
        return messages.odds(await run_action(interaction, load_settings, HeistSettings))


def render_message(payload: Mapping[str, Any]) -> Rendered:
    """The message of a heist, with its buttons."""

    def buttons() -> discord.ui.View:
        view = discord.ui.View(timeout=None)
        if payload["state"] in ("open", "locked"):
            view.add_item(HeistButton("cancel"))
        elif payload["state"] in ("cooldown", "done", "cancelled"):
            view.add_item(HeistButton("start"))
        view.add_item(HeistButton("odds"))
        return view

    return Rendered(messages.heist(payload), buttons)


class OwedButton(AdminButton, address="heist_owed", acts=("again", "off")):
    """Retries or writes off the refused payouts of the heist with this number."""

    @staticmethod
    def face(act: str) -> Face:
        return {
            "again": (_("Retry payout"), discord.ButtonStyle.success),
            "off": (_("Write off"), discord.ButtonStyle.danger),
        }[act]

    async def press(self, interaction: discord.Interaction) -> discord.Embed:
        act = _pay_again if self.act == "again" else _write_off
        return await run_action(interaction, act, self.number)


def _pay_again(work: Work, number: int) -> discord.Embed:
    return messages.paid_again(owed.pay_again(work, number))


def _write_off(work: Work, number: int) -> discord.Embed:
    return messages.written_off(number, owed.write_off(work, number))


def render_owed(payload: Mapping[str, Any]) -> Rendered:
    """The message to the admins, with its buttons."""
    number = int(payload["number"])
    view = lambda: button_rows([[OwedButton(act, number) for act in ("again", "off")]])  # noqa: E731
    return Rendered(messages.owed(payload), view)


async def _open_history(reader: Reader, _key: str, number: int) -> Page:
    heists = await reader.run_action(store.list_heists)
    number, pages = nearest_page(number, len(heists), messages.PER_PAGE)
    return Page(messages.history(heists, number, pages), number, pages)


HISTORY = Paginator("heist_history", "heist history", _open_history)


def _status(work: Work) -> discord.Embed:
    settings, last = load_settings(work, HeistSettings), store.find_newest(work)
    return messages.status(settings, last, has_points=providers.is_on(work))


class Heists(commands.Cog):
    """Heists: viewers stake points together."""

    @server_group("heist", for_admins=True, fallback="status")
    async def heist(self, ctx: Context) -> None:
        """Show the running heist, or the last one."""
        await answer(ctx, await run_action(ctx, _status))

    @heist.command(name="start")
    async def start(self, ctx: Context) -> None:
        """Start a heist that viewers can join from chat."""
        await answer(ctx, messages.started(await run_action(ctx, actions.start)))

    @heist.command(name="cancel")
    async def cancel(self, ctx: Context) -> None:
        """Cancel the heist and refund all stakes."""
        await answer(ctx, messages.cancelled(await run_action(ctx, actions.cancel)))

    @heist.command(name="settings")
    @app_commands.describe(state="Turn heists on or off", channel="The channel for heist messages")
    async def settings(
        self,
        ctx: Context,
        state: Literal["on", "off"] | None = None,
        channel: discord.TextChannel | None = None,
    ) -> None:
        """Turn heists on or off and set their channel. More settings are on the dashboard."""

        def change(work: Work) -> HeistSettings:
            declared = HeistSettings.declared
            if state is not None:
                change_setting(work, declared["enabled"], state == "on")
            if channel is not None:
                change_setting(work, declared["channel"], channel.id)
            return load_settings(work, HeistSettings)

        settings = await run_action(ctx, change)
        body = _("Bets from {min} to {max}, {time} s to join, {cooldown} s cooldown.").format(
            min=f"{settings.min_bet:,}",
            max=f"{settings.max_bet:,}",
            time=settings.heist_duration,
            cooldown=settings.start_heist_cooldown,
        )
        title = _("Heists are on") if settings.enabled else _("Heists are off")
        await answer(ctx, card(("🟢 " if settings.enabled else "⚫ ") + title, body))

    @heist.command(name="odds")
    async def odds(self, ctx: Context) -> None:
        """Show chances, multipliers and the average return."""
        await answer(ctx, messages.odds(await run_action(ctx, load_settings, HeistSettings)))

    @heist.command(name="history")
    async def history(self, ctx: Context) -> None:
        """List past heists."""
        await show(ctx, HISTORY)
