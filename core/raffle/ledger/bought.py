"""Tickets that are bought with points."""

from core.events import PointsPurchaseRefused, PointsSpent
from core.inbox import actions as inbox
from core.kit.database.work import Work
from core.kit.feature import Offer
from core.kit.text.words import _, plural
from core.raffle.ledger import store
from core.raffle.ledger.store import NewEntry
from core.raffle.store import find_open, hold_open


def _refusal_reason(work: Work, _viewer_id: int) -> str:
    if find_open(work, work.now) is None:
        return _("No raffle is open right now.")
    return ""


TICKETS_OFFER = Offer(
    "raffle.tickets",
    ("tickets", "ticket"),
    lambda count: plural("{count} raffle ticket", "{count} raffle tickets", count),
    price=100,
    maximum=10_000,
    for_all_points=False,
    why_not=_refusal_reason,
)


def on_points_spent(work: Work, event: PointsSpent) -> None:
    """Post the tickets, or refuse the purchase if no raffle is open."""
    if event.offer != TICKETS_OFFER.key:
        return
    period = find_open(work, event.at)
    if period is not None and hold_open(work, period.number):
        new = NewEntry(event.viewer_id, event.quantity, f"points:{event.key}", event.at)
        store.post_entries(work, period.number, "points", [new])
        return
    refused = PointsPurchaseRefused(
        key=event.key,
        guild_id=event.guild_id,
        at=event.at,
        viewer_id=event.viewer_id,
        reason=_("No raffle is open right now."),
    )
    inbox.publish(work.tx, refused)
