"""Declares the slot calls feature."""

from datetime import timedelta

from core.events import ExclusionChanged, PointsSpent, SettingChanged, StreamWentLive
from core.kit.database.privacy import personal_data
from core.kit.database.work import chat_action, chat_batch_action, event_action
from core.kit.feature import ChatCommand, Digested, Feature
from core.kit.tasks import Task
from core.kit.text.words import N_
from core.slot_calls import messages
from core.slot_calls.actions import on_exclusion_changed, on_stream_started, skip_calls
from core.slot_calls.calls import call_slots, cancel_call, reply_with_calls
from core.slot_calls.discord import (
    HISTORY,
    QUEUE,
    CallButton,
    SlotCalls,
    render_panel,
    render_pick,
    render_post,
)
from core.slot_calls.pages import OVERLAY, PAGES, PUBLIC, activity, latest, setup, stats
from core.slot_calls.panel import on_setting_changed
from core.slot_calls.picks import finish_picks
from core.slot_calls.priority import PRIORITY_OFFER, on_points_spent
from core.slot_calls.records import SlotCall
from core.slot_calls.rules import NAMES, SlotCallSettings

FEATURE = Feature(
    "slot_calls",
    handlers={
        ExclusionChanged: event_action(on_exclusion_changed),
        PointsSpent: event_action(on_points_spent),
        SettingChanged: event_action(on_setting_changed),
        StreamWentLive: event_action(on_stream_started),
    },
    paginators=(QUEUE, HISTORY),
    cogs=(lambda _services: SlotCalls(),),
    chat_commands=(
        ChatCommand(
            NAMES,
            chat_batch_action(call_slots),
            usage="!call <slot>",
            help="Adds a slot to the streamer's queue.",
            in_batches=True,
            lasts=timedelta(days=1),
        ),
        ChatCommand(
            ("cancelcall",),
            chat_action(cancel_call),
            usage="!cancelcall [slot]",
            help="Cancels your newest slot request, or replaces it with another slot.",
        ),
        ChatCommand(
            ("mycalls", "position"),
            chat_action(reply_with_calls),
            usage="!mycalls",
            help="Shows your slot requests and their positions in the queue.",
        ),
    ),
    settings=tuple(SlotCallSettings.declared.values()),
    tasks=(Task("slot_calls.picks", lambda _settings: 2.0, finish_picks, ("slot_calls",)),),
    embeds={
        "slot_calls.post": render_post,
        "slot_calls.panel": render_panel,
        "slot_calls.pick": render_pick,
    },
    lines={
        "slot_calls.accepted": Digested(messages.accepted, messages.accepted_many),
        "slot_calls.rejected": messages.rejected,
        "slot_calls.withdrawn": messages.withdrawn,
        "slot_calls.nothing": messages.nothing,
        "slot_calls.mine": messages.mine,
        "slot_calls.next": messages.next_up,
    },
    buttons=(CallButton,),
    audit={
        "slot_calls.done": N_("marked request {target} as done"),
        "slot_calls.skipped": N_("skipped request {target}"),
        "slot_calls.hunt": N_("added request {target} to the bonus hunt"),
        "slot_calls.result": N_("entered the result of request {target}: {after}"),
        "slot_calls.pick": N_("started random pick {target}"),
        "slot_calls.picked": N_("picked request {target}"),
        "slot_calls.panel": N_("posted a queue panel in {target}"),
    },
    dashboard=PAGES,
    stats=stats,
    setup=setup,
    activity=activity,
    public=(PUBLIC,),
    overlays=(OVERLAY,),
    offers=(PRIORITY_OFFER,),
    latest=latest,
    personal=personal_data(
        SlotCall, before_forget=lambda work, subject: skip_calls(work, *subject.viewer_ids)
    ),
)
