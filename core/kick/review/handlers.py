"""Events of both sources enter the matching."""

from sqlalchemy import Connection

from core.events import KicksGifted, SubGifted, SubscriptionRenewed, SubscriptionStarted
from core.kick.review import actions
from core.kick.review.actions import Money
from core.kick.review.events import FeedReport
from core.kit.feature import EventHandler


def on_feed_report(tx: Connection, event: FeedReport) -> None:
    """The feed reported it."""
    actions.note_report(tx, event)


def on_money(tx: Connection, event: Money) -> None:
    """It was counted; a webhook's event confirms the feed's."""
    actions.note_webhook(tx, event)


HANDLERS: dict[type, EventHandler] = {
    FeedReport: on_feed_report,
    SubGifted: on_money,
    SubscriptionStarted: on_money,
    SubscriptionRenewed: on_money,
    KicksGifted: on_money,
}
