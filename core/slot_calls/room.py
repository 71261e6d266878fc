"""The front door of slot calls."""

from core.kit.room import ChatCommand, Room
from core.slot_calls import embeds
from core.slot_calls.actions import call_slot
from core.slot_calls.buttons import CallButton
from core.slot_calls.commands import SlotCalls
from core.slot_calls.personal import PERSONAL
from core.slot_calls.settings import SETTINGS

ROOM = Room(
    "slot_calls",
    cogs=(SlotCalls,),
    chat_commands=(
        ChatCommand(
            ("call", "sr"),
            call_slot,
            usage="!call <slot>",
            help="Ask for a slot to be played; it appears on the streamer's list.",
        ),
    ),
    settings=SETTINGS,
    embeds={"slot_calls.post": embeds.post},
    lines={"slot_calls.taken": embeds.taken, "slot_calls.declined": embeds.declined},
    buttons=(CallButton,),
    personal=PERSONAL,
)
