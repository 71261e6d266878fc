"""`/help`, and descriptions of all commands for the documentation."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from core.guilds import chat_commands
from core.help import messages
from core.kit.database.work import Work
from core.kit.discord import ui
from core.kit.discord.access import (
    Source,
    granted_groups,
    group_of_command,
    is_grantable,
)
from core.kit.discord.arguments import descriptions, usage
from core.kit.discord.errors import handle_errors
from core.kit.discord.ui import services_of
from core.kit.errors import Refusal
from core.kit.feature import ChatCommand
from core.kit.text.words import _, package_title

Command = commands.Command[Any, ..., Any]
ChatCommands = Mapping[str, tuple[ChatCommand, ...]]

MAX_TOPICS = 25
"""Discord's limit of choices in a menu."""


def each_command(bot: commands.Bot) -> Iterator[Command]:
    """Every command, groups opened, in alphabetical order."""
    yield from sorted(bot.walk_commands(), key=lambda command: command.qualified_name)


def describe_command(command: Command) -> dict[str, Any]:
    """Usage, permissions and help of a command. A group with a fallback has another name as a slash
    command."""
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
        "group": group_of_command(command) if is_grantable(command) else "",
        "help": (command.help or "").split("\n", 1)[0],
    }


def _who_may(command: Command) -> str:
    """`everyone`, or permissions such as `Manage Server`."""
    return ui.permission_names(n for n, has in ui.needed_permissions(command) if has) or "everyone"


def describe_chat_command(command: ChatCommand) -> dict[str, Any]:
    """A command of the stream's chat."""
    return {"names": list(command.names), "usage": command.usage, "help": command.help}


class Help(commands.Cog):
    """What this bot can do."""

    def __init__(self, chat_commands: Mapping[str, Iterable[ChatCommand]]) -> None:
        self._chat_commands = {feature: tuple(found) for feature, found in chat_commands.items()}

    @commands.hybrid_command(name="help", extras=ui.PRIVATE)
    @app_commands.describe(topic="A topic such as Raffle, or a command. Default: an overview")
    async def help(self, ctx: commands.Context[commands.Bot], *, topic: str | None = None) -> None:
        """Show what you can do here and in the stream's chat."""
        embed, view = await self.page(ctx, ctx.bot, topic)
        await ui.answer(ctx, embed, view)

    @help.autocomplete("topic")
    async def _topics_like(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        bot = interaction.client
        assert isinstance(bot, commands.Bot), "only our bot runs commands"
        allowed = await _allowed(interaction, bot)
        found = [*topics(allowed), *(f"/{command.qualified_name}" for command in allowed)]
        fitting = [name for name in found if typed.strip().casefold() in name.casefold()]
        return [app_commands.Choice(name=name, value=name) for name in fitting[:MAX_TOPICS]]

    async def page(
        self, source: Source, bot: commands.Bot, wanted: str | None
    ) -> tuple[discord.Embed, discord.ui.View]:
        """The help for this person: an overview, a topic or one command. Raises Refusal if there is
        no such topic or command."""
        allowed, chat = await _allowed(source, bot), await self._chat_of(source)
        known = topics(allowed)
        topic = next((t for t in known if wanted and t.casefold() == wanted.casefold()), None)
        if not wanted:
            embed = self._overview(bot, allowed, chat)
        elif topic is not None:
            about = [describe_command(c) for c in allowed if topic_of(c) == topic]
            embed = messages.topic(topic, about)
        else:
            embed = self._about(bot, allowed, chat, wanted)
        view = discord.ui.View(timeout=None)
        view.add_item(TopicMenu(known, topic))
        return embed, view

    async def _chat_of(self, source: Source) -> ChatCommands:
        """The chat commands that are enabled in this server, with its own names."""
        if source.guild is None or not any(self._chat_commands.values()):
            return self._chat_commands
        return await services_of(source).run_as_bot(source.guild.id, self._changed)

    def _changed(self, work: Work) -> ChatCommands:
        return {
            feature: tuple(
                chat_commands.shown_as(command, rules)
                for command in found
                if (rules := chat_commands.rules_of(work.tx, work.guild_id, command)).enabled
            )
            for feature, found in self._chat_commands.items()
        }

    def _overview(
        self, bot: commands.Bot, allowed: Iterable[Command], chat: ChatCommands
    ) -> discord.Embed:
        sections: dict[str, messages.Section] = {}
        for command in dict.fromkeys(bot.all_commands.values()):
            if not ui.needed_permissions(command).value and command.name != "help":
                section = sections.setdefault(group_of_command(command), messages.Section())
                section.here.append(describe_command(command))
        for feature, found in chat.items():
            if found:
                section = sections.setdefault(feature, messages.Section())
                section.chat += [describe_chat_command(command) for command in found]
        moderated = {topic_of(c) for c in allowed if ui.needed_permissions(c).value}
        return messages.overview(sections, sorted(moderated))

    def _about(
        self,
        bot: commands.Bot,
        allowed: Collection[Command],
        chat_by_feature: ChatCommands,
        wanted: str,
    ) -> discord.Embed:
        name = " ".join(wanted.strip("`").lstrip("/!").casefold().split())
        command = _find_command(bot, name)
        if command is not None:
            subcommands = [
                describe_command(subcommand)
                for subcommand in each_command(bot)
                if subcommand.full_parent_name == command.qualified_name and subcommand in allowed
            ]
            return messages.command(describe_command(command), descriptions(command), subcommands)
        chat = [chat_command for found in chat_by_feature.values() for chat_command in found]
        for chat_command in chat:
            if name in chat_command.names:
                return messages.chat_command(describe_chat_command(chat_command))
        names = [c.qualified_name for c in allowed] + [
            n for chat_command in chat for n in chat_command.names
        ]
        near = get_close_matches(name, names, n=1)
        raise Refusal(
            _("There is no command or topic “{name}”.").format(name=ui.safe(wanted, 40)),
            _("Did you mean `/help {near}`?").format(near=near[0])
            if near
            else _("Run `/help` to see everything."),
        )


def _find_command(bot: commands.Bot, name: str) -> Command | None:
    """The command of this name, which may be a group's fallback."""
    if found := bot.get_command(name):
        return found
    parent, _space, last = name.rpartition(" ")
    group = bot.get_command(parent) if parent else None
    return group if group is not None and getattr(group, "fallback", None) == last else None


async def _allowed(source: Source, bot: commands.Bot) -> list[Command]:
    """The commands that this person may use, in alphabetical order."""
    granted = await granted_groups(source)
    return [
        command
        for command in each_command(bot)
        if not ui.missing_permissions(command, source.permissions)
        or (is_grantable(command) and group_of_command(command) in granted)
    ]


def topic_of(command: Command) -> str:
    """The topic that a command belongs to, such as `Slot requests`."""
    return package_title(group_of_command(command))


def topics(allowed: Iterable[Command]) -> list[str]:
    """The topics of these commands."""
    return sorted({topic_of(command) for command in allowed})


class TopicMenu(
    discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]], template=r"help:topics"
):
    """Opens a topic. It keeps working after a restart."""

    def __init__(self, known: Iterable[str] = (), chosen: str | None = None) -> None:
        options = [
            discord.SelectOption(label=topic, default=topic == chosen)
            for topic in [*known][:MAX_TOPICS]
        ]
        super().__init__(
            discord.ui.Select(
                placeholder=_("Choose a topic"), options=options, custom_id="help:topics"
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
        async with handle_errors(interaction):
            bot = interaction.client
            assert isinstance(bot, commands.Bot), "only our bot handles menus"
            cog = bot.get_cog("Help")
            assert isinstance(cog, Help), "the menu is this cog's"
            embed, view = await cog.page(interaction, bot, self.item.values[0])
            message = interaction.message
            if message is not None and message.flags.ephemeral:
                await interaction.response.edit_message(embed=embed, view=view)
            else:  # the reply to a typed command is public
                await interaction.response.send_message(embed=embed, view=view, ephemeral=True)
