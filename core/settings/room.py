"""The front door of the settings' room, which is handed the other rooms."""

from collections.abc import Iterable
from functools import partial

from core.kit.room import Room
from core.settings import channels
from core.settings.commands.books import audit_log_book, settings_book
from core.settings.commands.cog import Settings
from core.settings.commands.permissions import Permissions
from core.settings.commands.record import AuditLog
from core.settings.commands.watch import Watch


def open_room(others: Iterable[Room]) -> Room:
    """The room, told what each of the others lets an admin set."""
    others = tuple(others)
    known = tuple(setting for room in others for setting in room.settings)
    lines = {action: line for room in others for action, line in room.audit.items()}
    settings, record = settings_book(known), audit_log_book(known, lines)
    return Room(
        "settings",
        cogs=(
            lambda services: Settings(services, known, settings),
            lambda _services: AuditLog(record),
            lambda services: Watch(services, known),
            Permissions,
        ),
        books=(settings, record),
        embeds={channels.KIND: channels.posted_trouble},
        on_channel_refused=partial(channels.note_refused, known),
    )
