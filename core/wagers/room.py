"""The front door of wagers."""

from core.kit.room import Room
from core.wagers.personal import PERSONAL

ROOM = Room("wagers", personal=PERSONAL)
