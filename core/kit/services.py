"""What a room is handed when it is opened: the few things that exist once per process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.kit.bus import Bus
from core.kit.clock import Clock, utc_now
from core.kit.database import Database
from core.kit.room import NextGoal
from core.kit.settings import Settings

if TYPE_CHECKING:
    from core.kit.discord_pages import Book


@dataclass(frozen=True)
class Services:
    """Built by the composition root (`combined_server.py`, `bot.py`), handed to every room.

    Attributes:
        settings: of the installation.
        database: the gate to it.
        bus: the bell.
        clock: what time it is.
        goals: what the rooms promise for watchtime.
        books: the rooms' lists with pages, by name.
    """

    settings: Settings
    database: Database
    bus: Bus
    clock: Clock = utc_now
    goals: tuple[NextGoal, ...] = ()
    books: "Mapping[str, Book]" = field(default_factory=dict)
