"""The front door of the help room, which is handed the other rooms."""

from collections.abc import Iterable

from core.help.commands import Help, TopicMenu
from core.kit.room import Room


def open_room(others: Iterable[Room]) -> Room:
    """The room, told what the others offer in the stream's chat."""
    chat_commands = {room.name: room.chat_commands for room in others}
    return Room("help", cogs=(lambda _services: Help(chat_commands),), buttons=(TopicMenu,))
