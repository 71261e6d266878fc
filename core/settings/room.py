"""The front door of settings."""

from core.kit.room import Room

ROOM = Room("settings")
