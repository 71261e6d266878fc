"""The help feature, which receives the other features."""

from collections.abc import Iterable, Sequence
from typing import Any

from core.guilds import chat_commands
from core.help.discord import Help, TopicMenu
from core.help.pages import chat_command_pages
from core.kit.database.work import Work
from core.kit.feature import ChatCommand, Feature, Undo


def make_feature(others: Iterable[Feature]) -> Feature:
    """The feature, with the others' chat commands."""
    by_feature = {feature.name: feature.chat_commands for feature in others}
    known = [command for found in by_feature.values() for command in found]
    return Feature(
        "help",
        cogs=(lambda _services: Help(by_feature),),
        buttons=(TopicMenu,),
        undo={
            "guilds.chat_command": Undo(
                chat_commands.unchanged, lambda work, entry: _undo(work, known, entry)
            )
        },
        dashboard=chat_command_pages(by_feature),
    )


def _undo(work: Work, known: Sequence[ChatCommand], entry: Any) -> None:
    command = next(
        (known_command for known_command in known if f"!{known_command.names[0]}" == entry.target),
        None,
    )
    if command is not None:
        rules = chat_commands.from_stored(entry.before)
        chat_commands.change_command(work, known, command, rules)
