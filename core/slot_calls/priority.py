"""Priority requests, bought with points: the viewer's newest request moves ahead of others."""

from core.events import PointsPurchaseRefused, PointsSpent
from core.inbox import actions as inbox
from core.kit.database.work import Lock, Work
from core.kit.feature import Offer
from core.kit.text.words import _, plural
from core.people.store import list_links_with
from core.slot_calls.panel import refresh_panel
from core.slot_calls.posts import edit_post
from core.slot_calls.records import SlotCall
from core.slot_calls.store import list_open


def _find_waiting(work: Work, viewer_id: int) -> SlotCall | None:
    """The viewer's newest request that can move up."""
    accounts = {viewer_id, *(link.viewer_id for link in list_links_with(work, viewer_id))}
    waiting = [
        call
        for call in list_open(work)
        if call.viewer_id in accounts and not call.is_first and call.picked_at is None
    ]
    return max(waiting, key=lambda call: call.number, default=None)


def _refusal_reason(work: Work, viewer_id: int) -> str:
    if _find_waiting(work, viewer_id) is None:
        return _("You have no open slot request to move up.")
    return ""


PRIORITY_OFFER = Offer(
    "slot_calls.priority",
    ("priority",),
    lambda count: plural("{count} priority request", "{count} priority requests", count),
    price=1000,
    why_not=_refusal_reason,
)


def on_points_spent(work: Work, event: PointsSpent) -> None:
    """Move the request up, or refuse the purchase if none can move up."""
    if event.offer != PRIORITY_OFFER.key:
        return
    work.lock(Lock.SLOT_CALLS)
    call = _find_waiting(work, event.viewer_id)
    if call is not None:
        call.is_first = True
        edit_post(work, call, f"slot_calls.priority:{call.number}")
        refresh_panel(work)
        return
    refused = PointsPurchaseRefused(
        key=event.key,
        guild_id=event.guild_id,
        at=event.at,
        viewer_id=event.viewer_id,
        reason=_refusal_reason(work, event.viewer_id),
    )
    inbox.publish(work.tx, refused)
