"""The front door of the settings' room, which is handed the other rooms."""

from collections.abc import Iterable

from core.kit.room import Room
from core.settings.commands.cog import Settings
from core.settings.commands.record import AuditLog
from core.settings.commands.turning import TurningButton


def open_room(others: Iterable[Room]) -> Room:
    """The room, told what each of the others lets an admin set."""
    known = tuple(setting for room in others for setting in room.settings)
    return Room(
        "settings",
        cogs=(
            lambda services: Settings(services, known),
            lambda services: AuditLog(services, known),
        ),
        buttons=(TurningButton,),
    )
