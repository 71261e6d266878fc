"""The front door of the viewers' room."""

from core.kit.room import Room

ROOM = Room("people")
