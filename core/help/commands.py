"""`/help`, and the same facts for the documentation."""

from collections.abc import Iterable, Iterator
from typing import Any

from discord.ext import commands

from core.kit import discord_ui as ui
from core.kit.room import ChatCommand
from core.kit.words import _

Command = commands.Command[Any, ..., Any]


def usage(command: Command | None) -> str:
    """How a command is typed, such as `!slotcalls channel <channel>`."""
    if command is None:
        return f"{ui.PREFIX}help"
    return f"{ui.PREFIX}{command.qualified_name} {command.signature}".strip()


def each_command(bot: commands.Bot) -> Iterator[Command]:
    """Every command, groups opened, in alphabetical order."""
    yield from sorted(bot.walk_commands(), key=lambda command: command.qualified_name)


def describe_command(command: Command) -> dict[str, Any]:
    """One command: how it is typed, who may use it, what it does.

    A group that does something itself has a name of its own as a slash command (its fallback).
    """
    fallback = getattr(command, "fallback", None)
    return {
        "name": command.qualified_name,
        "slash": f"/{command.qualified_name} {fallback or ''}".strip(),
        "usage": usage(command),
        "arguments": [
            {"name": name, "required": parameter.required}
            for name, parameter in command.clean_params.items()
        ],
        "who": _who_may(command),
        "help": (command.help or "").split("\n", 1)[0],
    }


def _who_may(command: Command) -> str:
    """`everyone`, or permissions such as `Manage Server`."""
    return ui.permission_names(n for n, has in ui.needed_permissions(command) if has) or "everyone"


def describe_chat_command(command: ChatCommand) -> dict[str, Any]:
    """One command of the stream's chat."""
    return {"names": list(command.names), "usage": command.usage, "help": command.help}


class Help(commands.Cog):
    """What this bot can do."""

    def __init__(self, chat_commands: Iterable[ChatCommand]) -> None:
        self._chat_commands = tuple(chat_commands)

    @commands.hybrid_command(name="help", extras=ui.PRIVATE)
    async def help(self, ctx: commands.Context[commands.Bot]) -> None:
        """Show what you can do here and in the stream's chat."""
        here = [
            _line(describe_command(command))
            for command in each_command(ctx.bot)
            if ctx.permissions.is_superset(ui.needed_permissions(command))
        ]
        there = [f"`{command.usage}` {command.help}" for command in self._chat_commands]
        embed = ui.card("👋 " + _("What I can do for you"))
        for title, rows in ((_("Here in Discord"), here), (_("In the stream's chat"), there)):
            for index, part in enumerate(ui.pages(rows, limit=1024)):
                embed.add_field(name=title if index == 0 else "\u200b", value=part, inline=False)
        await ui.answer(ctx, embed)


def _line(command: dict[str, Any]) -> str:
    return f"`{command['slash']}` {command['help']}"
