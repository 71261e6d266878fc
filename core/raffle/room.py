"""The front door of the raffle."""

from core.events import ViewerBanned
from core.kit.room import Room
from core.raffle.draw import embeds
from core.raffle.draw.buttons import ClaimButton, DrawButton
from core.raffle.draw.commands import Draws
from core.raffle.draw.excluding import on_viewer_banned
from core.raffle.draw.pages import pages as draw_pages
from core.raffle.draw.tasks import TASKS as DRAW_TASKS
from core.raffle.draw.tasks import look as look_at_draws
from core.raffle.personal import PERSONAL
from core.raffle.settings import SETTINGS

ROOM = Room(
    "raffle",
    hears={ViewerBanned: on_viewer_banned},
    cogs=(Draws,),
    pages=(draw_pages,),
    settings=SETTINGS,
    tasks=DRAW_TASKS,
    embeds={
        "raffle.opened": embeds.opened,
        "raffle.frozen": embeds.frozen,
        "raffle.winner": embeds.winner,
        "raffle.won": embeds.won,
        "raffle.skipped": embeds.skipped,
        "raffle.nobody": embeds.nobody,
    },
    checks=(look_at_draws,),
    buttons=(ClaimButton, DrawButton),
    personal=PERSONAL,
)
