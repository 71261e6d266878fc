"""The map of the house: which rooms there are, on which floor, in which order they open.

A room may import from floors below its own, never from its own floor or above. Adding a room is
one word in `FLOORS`; the architecture test reads it from here.
"""

from importlib import import_module

from core.kit.room import Room

FLOORS: tuple[tuple[str, ...], ...] = (
    ("kit",),
    ("events",),
    ("inbox", "outbox"),
    ("guilds",),
    ("drand", "kick", "shuffle"),
    ("people",),
    ("slot_calls", "wagers", "watchtime"),
    ("raffle", "roles"),
    ("health", "help", "privacy", "settings"),
)
"""Lowest first."""

_WITHOUT_DOOR = {"kit", "events"}


def open_rooms() -> tuple[Room, ...]:
    """Every room's front door, lowest floor first.

    A room's door is its `ROOM`; one that has to know the others has `open_room(others)` instead.
    """
    doors: list[Room] = []
    for floor in FLOORS:
        for name in floor:
            if name not in _WITHOUT_DOOR:
                module = import_module(f"core.{name}.room")
                doors.append(
                    module.ROOM if hasattr(module, "ROOM") else module.open_room(tuple(doors))
                )
    return tuple(doors)
