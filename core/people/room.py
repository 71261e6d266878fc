"""The front door of the viewers' room."""

from core.kit.room import Room
from core.people.linking import embeds as linking
from core.people.linking.buttons import KeepButton, StartButton, UnlinkButton
from core.people.linking.commands import Linking
from core.people.linking.pages import pages as linking_pages
from core.people.linking.tasks import TASKS as LINKING_TASKS

ROOM = Room(
    "people",
    cogs=(Linking,),
    pages=(linking_pages,),
    embeds={"people.linked": linking.linked, "people.interrupted": linking.interrupted},
    buttons=(StartButton, UnlinkButton, KeepButton),
    tasks=LINKING_TASKS,
)
