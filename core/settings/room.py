"""The front door of the settings' room, which is handed the other rooms."""

from collections.abc import Iterable

from core.kit.room import Room
from core.settings.commands.books import audit_log_book, settings_book
from core.settings.commands.cog import Settings
from core.settings.commands.record import AuditLog


def open_room(others: Iterable[Room]) -> Room:
    """The room, told what each of the others lets an admin set."""
    known = tuple(setting for room in others for setting in room.settings)
    settings, record = settings_book(known), audit_log_book(known)
    return Room(
        "settings",
        cogs=(
            lambda services: Settings(services, known, settings),
            lambda _services: AuditLog(record),
        ),
        books=(settings, record),
    )
