"""The front door of the viewers' room."""

from core.kit.room import Room
from core.people.linking import embeds as linking
from core.people.linking.buttons import StartButton

ROOM = Room(
    "people",
    embeds={"people.linked": linking.linked},
    buttons=(StartButton,),
)
