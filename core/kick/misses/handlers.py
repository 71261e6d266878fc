"""What happens when the feed saw something, or a webhook told it."""

from sqlalchemy import Connection

from core.events import KicksGifted, SubGifted, SubscriptionRenewed, SubscriptionStarted
from core.kick.misses import actions
from core.kick.misses.actions import Money
from core.kick.misses.events import FeedWitnessed
from core.kit.feature import EventHandler


def on_feed_witnessed(tx: Connection, event: FeedWitnessed) -> None:
    """The feed saw it."""
    actions.note_witness(tx, event)


def on_money(tx: Connection, event: Money) -> None:
    """It was counted."""
    actions.note_fact(tx, event)


HANDLERS: dict[type, EventHandler] = {
    FeedWitnessed: on_feed_witnessed,
    SubGifted: on_money,
    SubscriptionStarted: on_money,
    SubscriptionRenewed: on_money,
    KicksGifted: on_money,
}
