"""The front door of the servers' room."""

from core.guilds.actions import LANGUAGE
from core.kit.room import Room

ROOM = Room("guilds", settings=(LANGUAGE,))
