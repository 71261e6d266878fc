"""What the slot calls feature declares."""

from core.events import ExclusionChanged
from core.kit.feature import ChatCommand, Feature
from core.kit.privacy import personal_data
from core.kit.words import N_
from core.kit.work import chat_batch_action, event_action
from core.slot_calls import messages
from core.slot_calls.actions import call_slots, on_exclusion_changed, skip_calls
from core.slot_calls.discord import CallButton, SlotCalls, render_post
from core.slot_calls.pages import PAGES, PUBLIC, activity, setup, stats
from core.slot_calls.records import SlotCall
from core.slot_calls.rules import SlotCallSettings

FEATURE = Feature(
    "slot_calls",
    handlers={ExclusionChanged: event_action(on_exclusion_changed)},
    cogs=(lambda _services: SlotCalls(),),
    chat_commands=(
        ChatCommand(
            ("call", "sr"),
            chat_batch_action(call_slots),
            usage="!call <slot>",
            help="Request a slot; it goes into the streamer's queue.",
            in_batches=True,
        ),
    ),
    settings=tuple(SlotCallSettings.declared.values()),
    embeds={"slot_calls.post": render_post},
    lines={"slot_calls.accepted": messages.accepted, "slot_calls.rejected": messages.rejected},
    buttons=(CallButton,),
    audit={
        "slot_calls.done": N_("marked request {target} as done"),
        "slot_calls.skipped": N_("skipped request {target}"),
    },
    dashboard=PAGES,
    stats=stats,
    setup=setup,
    activity=activity,
    public=(PUBLIC,),
    personal=personal_data(
        SlotCall, before_forget=lambda work, subject: skip_calls(work, *subject.viewer_ids)
    ),
)
