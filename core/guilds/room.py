"""The front door of the servers' room."""

from core.guilds.channels import look
from core.guilds.personal import PERSONAL
from core.guilds.settings import SETTINGS
from core.kit.room import Room

ROOM = Room("guilds", settings=SETTINGS, checks=(look,), personal=PERSONAL)
