"""The front door of the beacon."""

from core.kit.room import Room

ROOM = Room("drand")
