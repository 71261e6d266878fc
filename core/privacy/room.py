"""The front door of the privacy room, which is handed the other rooms."""

from collections.abc import Iterable

from core.kit.room import Room
from core.kit.words import _
from core.privacy.buttons import data_button, forget_button
from core.privacy.commands import Privacy
from core.privacy.pages import pages
from core.privacy.tasks import sweeping


def open_room(others: Iterable[Room]) -> Room:
    """The room, told what the others keep about people."""
    kept = tuple(room.personal for room in others if room.personal is not None)
    data, forget = data_button(kept), forget_button(kept)
    return Room(
        "privacy",
        cogs=(lambda services: Privacy(services, kept, data, forget),),
        pages=(lambda _services: pages(),),
        tasks=(sweeping(kept),),
        buttons=(data, forget),
        audit={
            "privacy.forget": lambda before, after: _("deleted the data of {target}, as they asked")
        },
    )
