"""What the slot calls feature declares."""

from core.kit.feature import ChatCommand, Feature
from core.kit.words import _
from core.slot_calls import embeds
from core.slot_calls.actions import call_slot
from core.slot_calls.buttons import CallButton
from core.slot_calls.commands import SlotCalls
from core.slot_calls.personal import PERSONAL
from core.slot_calls.settings import SETTINGS

FEATURE = Feature(
    "slot_calls",
    cogs=(SlotCalls,),
    chat_commands=(
        ChatCommand(
            ("call", "sr"),
            call_slot,
            usage="!call <slot>",
            help="Request a slot; it goes into the streamer's queue.",
        ),
    ),
    settings=SETTINGS,
    embeds={"slot_calls.post": embeds.post},
    lines={"slot_calls.taken": embeds.taken, "slot_calls.declined": embeds.declined},
    buttons=(CallButton,),
    audit={
        "slot_calls.done": lambda before, after: _("marked request {target} as done"),
        "slot_calls.skipped": lambda before, after: _("skipped request {target}"),
        "slot_calls.block": lambda before, after: _("blocked {target} from requesting slots"),
        "slot_calls.unblock": lambda before, after: _("let {target} request slots again"),
    },
    personal=PERSONAL,
)
