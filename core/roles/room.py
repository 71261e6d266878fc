"""The front door of roles."""

from core.kit.room import Room

ROOM = Room("roles")
