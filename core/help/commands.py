"""`/help`, and the same facts for the documentation."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from core.help import embeds
from core.kit import discord_ui as ui
from core.kit.discord_arguments import usage
from core.kit.room import ChatCommand
from core.kit.words import _

Command = commands.Command[Any, ..., Any]

MOST_TOPICS = 25
"""Choices that Discord takes in one menu."""


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


def topic_of(command: Command) -> str:
    """The room that a command belongs to, in words: `core.slot_calls.commands` -> `Slot calls`."""
    room = command.callback.__module__.split(".")[1]
    return room.replace("_", " ").capitalize()


class Help(commands.Cog):
    """What this bot can do."""

    def __init__(self, chat_commands: Iterable[ChatCommand]) -> None:
        self._chat_commands = tuple(chat_commands)

    @commands.hybrid_command(name="help", extras=ui.PRIVATE)
    @app_commands.describe(topic="One part of what the bot does; everything for viewers if empty")
    async def help(self, ctx: commands.Context[commands.Bot], *, topic: str | None = None) -> None:
        """Show what you can do here and in the stream's chat."""
        embed, view = self.page(ctx.bot, ctx.permissions, topic)
        await ui.answer(ctx, embed, view)

    @help.autocomplete("topic")
    async def _topics_like(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        bot = interaction.client
        assert isinstance(bot, commands.Bot), "commands come to our own bot"
        found = topics(bot, interaction.permissions)
        fitting = [topic for topic in found if typed.strip().casefold() in topic.casefold()]
        return [app_commands.Choice(name=topic, value=topic) for topic in fitting[:MOST_TOPICS]]

    def page(
        self, bot: commands.Bot, permissions: discord.Permissions, wanted: str | None
    ) -> tuple[discord.Embed, discord.ui.View]:
        """What somebody with these permissions can do: about a topic, or all that viewers can.
        Needs a running event loop."""
        known = topics(bot, permissions)
        topic = next((t for t in known if wanted and t.casefold() == wanted.casefold()), None)
        allowed = [c for c in each_command(bot) if permissions.is_superset(_needed(c))]
        if topic is not None:
            about = [describe_command(c) for c in allowed if topic_of(c) == topic]
            embed = embeds.topic(topic, about)
        else:
            here = [describe_command(c) for c in allowed if not _needed(c).value]
            there = [describe_chat_command(c) for c in self._chat_commands]
            embed = embeds.overview(here, there, more=bool(known))
        view = discord.ui.View(timeout=None)
        view.add_item(TopicMenu(known, topic))
        return embed, view


def topics(bot: commands.Bot, permissions: discord.Permissions) -> list[str]:
    """The topics with something to do for somebody with these permissions."""
    found = {topic_of(c) for c in each_command(bot) if permissions.is_superset(_needed(c))}
    return sorted(found)


def _needed(command: Command) -> discord.Permissions:
    return ui.needed_permissions(command)


class TopicMenu(
    discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]], template=r"help:topics"
):
    """Opens a topic. It is found by its custom id, so it outlives restarts."""

    def __init__(self, known: Iterable[str] = (), chosen: str | None = None) -> None:
        options = [
            discord.SelectOption(label=topic, default=topic == chosen)
            for topic in [*known][:MOST_TOPICS]
        ]
        super().__init__(
            discord.ui.Select(
                placeholder=_("What is it about?"), options=options, custom_id="help:topics"
            )
        )

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, item: discord.ui.Item[Any], _match: re.Match[str]
    ) -> "TopicMenu":
        menu = cls()
        assert isinstance(item, discord.ui.Select), "nothing else has this custom id"
        menu.item = item
        return menu

    async def callback(self, interaction: discord.Interaction) -> None:
        async with ui.kindly(interaction):
            bot = interaction.client
            assert isinstance(bot, commands.Bot), "menus come back to our own bot"
            cog = bot.get_cog("Help")
            assert isinstance(cog, Help), "the menu is this cog's"
            embed, view = cog.page(bot, interaction.permissions, self.item.values[0])
            message = interaction.message
            if message is not None and message.flags.ephemeral:
                await interaction.response.edit_message(embed=embed, view=view)
            else:  # a typed command is answered openly: whoever looks around does so privately
                await interaction.response.send_message(embed=embed, view=view, ephemeral=True)
