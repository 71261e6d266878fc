"""The front door of the health room, which is handed the other rooms."""

from collections.abc import Iterable

from core.health.commands import Health
from core.health.pages import pages
from core.kit.room import Room


def open_room(others: Iterable[Room]) -> Room:
    """The room, told whom to ask."""
    checks = tuple(check for room in others for check in room.checks)
    return Room(
        "health",
        cogs=(lambda services: Health(services, checks),),
        pages=(lambda services: pages(services, checks),),
    )
