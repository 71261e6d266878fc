"""The front door of the raffle."""

from core.events import AccountLinked, SubGifted, SupportRevoked, ViewerBanned
from core.kit.room import ChatCommand, Room
from core.raffle.draw import embeds
from core.raffle.draw.buttons import ClaimButton, DrawButton
from core.raffle.draw.commands import Draws
from core.raffle.draw.excluding import on_viewer_banned
from core.raffle.draw.pages import pages as draw_pages
from core.raffle.draw.tasks import TASKS as DRAW_TASKS
from core.raffle.draw.tasks import look as look_at_draws
from core.raffle.ledger import chat, handlers
from core.raffle.ledger import embeds as ledger_embeds
from core.raffle.ledger.buttons import BOOKS, VoidChoice
from core.raffle.ledger.commands import Tickets
from core.raffle.ledger.settings import SETTINGS as LEDGER_SETTINGS
from core.raffle.ledger.tasks import TASKS as LEDGER_TASKS
from core.raffle.periods import embeds as period_embeds
from core.raffle.periods.buttons import ChangeButton
from core.raffle.periods.commands import RaffleCalendar
from core.raffle.periods.settings import SETTINGS as PERIOD_SETTINGS
from core.raffle.periods.tasks import TASKS as PERIOD_TASKS
from core.raffle.personal import PERSONAL
from core.raffle.settings import SETTINGS

ROOM = Room(
    "raffle",
    hears={
        AccountLinked: handlers.on_account_linked,
        SubGifted: handlers.on_sub_gifted,
        SupportRevoked: handlers.on_support_revoked,
        ViewerBanned: on_viewer_banned,
    },
    cogs=(Tickets, RaffleCalendar, Draws),
    pages=(draw_pages,),
    chat_commands=(
        ChatCommand(
            ("tickets",),
            chat.tell_tickets,
            usage="!tickets",
            help="How many raffle tickets you have, and your chance.",
        ),
        ChatCommand(
            ("raffle",),
            chat.tell_raffle,
            usage="!raffle",
            help="What can be won, until when, and how tickets are earned.",
        ),
    ),
    settings=(*SETTINGS, *PERIOD_SETTINGS, *LEDGER_SETTINGS),
    tasks=(*PERIOD_TASKS, *LEDGER_TASKS, *DRAW_TASKS),
    embeds={
        "raffle.opened": embeds.opened,
        "raffle.dates": period_embeds.dates,
        "raffle.changed": ledger_embeds.change,
        "raffle.gift": ledger_embeds.gift,
        "raffle.waited": ledger_embeds.waited,
        "raffle.planned": embeds.planned,
        "raffle.frozen": embeds.frozen,
        "raffle.given_up": embeds.given_up,
        "raffle.winner": embeds.winner,
        "raffle.reveal": embeds.reveal,
        "raffle.unreachable": embeds.unreachable,
        "raffle.won": embeds.won,
        "raffle.skipped": embeds.skipped,
        "raffle.nobody": embeds.nobody,
    },
    lines={"raffle.tickets": chat.tickets_line, "raffle.told": chat.raffle_line},
    checks=(look_at_draws,),
    books=BOOKS,
    buttons=(VoidChoice, ClaimButton, DrawButton, ChangeButton),
    personal=PERSONAL,
)
