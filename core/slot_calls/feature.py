"""What the slot calls feature declares."""

from core.kit.feature import ChatCommand, Feature
from core.kit.privacy import personal_data
from core.kit.words import _
from core.kit.work import chat_action
from core.slot_calls import messages
from core.slot_calls.actions import call_slot, forget_caller
from core.slot_calls.discord import CallButton, SlotCalls, render_post
from core.slot_calls.records import BlockedViewer, SlotCall
from core.slot_calls.rules import SlotCallSettings

FEATURE = Feature(
    "slot_calls",
    cogs=(lambda _services: SlotCalls(),),
    chat_commands=(
        ChatCommand(
            ("call", "sr"),
            chat_action(call_slot),
            usage="!call <slot>",
            help="Request a slot; it goes into the streamer's queue.",
        ),
    ),
    settings=tuple(SlotCallSettings.declared.values()),
    embeds={"slot_calls.post": render_post},
    lines={"slot_calls.accepted": messages.accepted, "slot_calls.rejected": messages.rejected},
    buttons=(CallButton,),
    audit={
        "slot_calls.done": lambda before, after: _("marked request {target} as done"),
        "slot_calls.skipped": lambda before, after: _("skipped request {target}"),
        "slot_calls.block": lambda before, after: _("blocked {target} from requesting slots"),
        "slot_calls.unblock": lambda before, after: _("let {target} request slots again"),
    },
    personal=personal_data(SlotCall, BlockedViewer, before_forget=forget_caller),
)
