"""Buttons below an ambiguous input: each runs the command again with one of the choices.

The commands are kept in memory for a few minutes. After a restart the buttons reply that they have
expired.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import discord
from discord.ext import commands

from core.kit.discord.errors import handle_command_error, handle_errors, unwrapped
from core.kit.discord.ui import card, refusal_card, reply_privately, shortened, view_of
from core.kit.errors import Refusal, Unclear
from core.kit.text.words import _

MAX_CHOICES = 20
MAX_KEPT = 500

Again = Callable[[discord.Interaction, str], Awaitable[None]]
"""Runs the command with this value in place of the typed one."""


@dataclass(frozen=True, slots=True)
class _Question:
    asker_id: int
    choices: tuple[tuple[str, str], ...]
    again: Again


_QUESTIONS: OrderedDict[str, _Question] = OrderedDict()


class ChoiceButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"choice:(?P<question>[0-9a-f]{16}):(?P<number>[0-9]{1,2})",
):
    """Runs the command again with the choice that has this number."""

    def __init__(self, question: str, number: int, label: str = "?") -> None:
        custom_id = f"choice:{question}:{number}"
        super().__init__(discord.ui.Button(label=shortened(label, 80), custom_id=custom_id))
        self.question, self.number = question, number

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "ChoiceButton":
        return cls(match["question"], int(match["number"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        async with handle_errors(interaction):
            asked = _QUESTIONS.get(self.question)
            if asked is None:
                raise Refusal(_("These buttons have expired."), _("Please run the command again."))
            if asked.asker_id != interaction.user.id:
                raise Refusal(_("Only the person who ran this can answer."))
            _QUESTIONS.pop(self.question, None)
            value, label = asked.choices[self.number]
            await interaction.response.edit_message(embed=card("👤 " + label), view=None)
            await asked.again(interaction, value)


def choices_view(unclear: Unclear, asker_id: int, again: Again) -> discord.ui.View:
    """A button for each choice. Needs a running event loop."""
    question, choices = secrets.token_hex(8), tuple(unclear.choices[:MAX_CHOICES])
    _QUESTIONS[question] = _Question(asker_id, choices, again)
    while len(_QUESTIONS) > MAX_KEPT:
        _QUESTIONS.popitem(last=False)
    return view_of(*(ChoiceButton(question, n, label) for n, (_v, label) in enumerate(choices)))


async def handle_error(ctx: commands.Context[Any], error: BaseException) -> None:
    """Explain why a command failed; offer choices if the input was ambiguous."""
    unclear = unwrapped(error)
    if not isinstance(unclear, Unclear):
        await handle_command_error(ctx, error)
        return

    async def again(_interaction: discord.Interaction, value: str) -> None:
        await _run_again(ctx, unclear.typed, value)

    view = choices_view(unclear, ctx.author.id, again)
    try:
        await ctx.send(embed=refusal_card(unclear), view=view, ephemeral=True)
    except discord.HTTPException as failure:
        await handle_command_error(ctx, failure)


async def _run_again(ctx: commands.Context[Any], typed: str, value: str) -> None:
    """Run the command with `value` wherever `typed` was given."""
    command = ctx.command
    assert command is not None, "it was run before"

    def instead(given: Any) -> Any:
        return value if isinstance(given, str) and given.strip() == typed.strip() else given

    ctx.args = [instead(arg) for arg in ctx.args]
    ctx.kwargs = {name: instead(argument) for name, argument in ctx.kwargs.items()}
    try:
        if not await command.can_run(ctx):
            raise commands.CheckFailure
        await command.callback(command.cog, ctx, *ctx.args[2:], **ctx.kwargs)
    except Exception as error:
        await handle_error(ctx, error)


async def ask_privately(interaction: discord.Interaction, unclear: Unclear, again: Again) -> None:
    """Like `handle_error`, for a button or a form."""
    view = choices_view(unclear, interaction.user.id, again)
    await reply_privately(interaction, refusal_card(unclear), view)
