"""The front door of the raffle."""

import core.raffle.draw.tables
import core.raffle.tables  # noqa: F401  (the tables are part of the schema from the first day)
from core.kit.room import Room

ROOM = Room("raffle")
