"""A priority slot, bought with points: the viewer's newest request comes before others."""

from core.events import PointsPurchaseRefused, PointsSpent
from core.inbox import actions as inbox
from core.kit.feature import Offer
from core.kit.words import _, plural
from core.kit.work import Lock, Work
from core.people.store import list_links_with
from core.slot_calls.panel import refresh_panel
from core.slot_calls.posts import edit_post
from core.slot_calls.store import list_open

PRIORITY_OFFER = Offer(
    "slot_calls.priority",
    ("priority",),
    lambda count: plural("{count} priority request", "{count} priority requests", count),
    price=1000,
)


def on_points_spent(work: Work, event: PointsSpent) -> None:
    """Move the request up, or refuse if there is none that can."""
    if event.offer != PRIORITY_OFFER.key:
        return
    accounts = {event.viewer_id, *(one.viewer_id for one in list_links_with(work, event.viewer_id))}
    work.lock(Lock.SLOT_CALLS)
    waiting = [
        call
        for call in list_open(work)
        if call.viewer_id in accounts and not call.is_first and call.picked_at is None
    ]
    if waiting:
        call = max(waiting, key=lambda one: one.number)
        call.is_first = True
        edit_post(work, call, f"slot_calls.priority:{call.number}")
        refresh_panel(work)
        return
    refused = PointsPurchaseRefused(
        key=event.key,
        guild_id=event.guild_id,
        at=event.at,
        viewer_id=event.viewer_id,
        reason=_("You have no open slot request that could move up."),
    )
    inbox.publish(work.tx, refused)
