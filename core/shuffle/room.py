"""The front door of Shuffle."""

from core.kit.room import Room

ROOM = Room("shuffle")
