"""What must not be counted just because it came.

The *echo of a gift* is set aside for somebody to look at: nobody knows whether Kick also tells
`channel.subscription.new` for somebody who was given a subscription, so one within ten minutes of a
gift is not counted. And *chat* is not taken twice, where the realtime feed is its source.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from core.events import Event, SubGifted, SubscriptionStarted
from core.events.base import to_json
from core.inbox import store as inbox
from core.inbox.store import Delivery
from core.kick.intake import store
from core.kick.intake.rules import CHAT, ECHO_WINDOW
from core.kick.intake.store import Recent
from core.kit.database import notes

WEBHOOK = "kick.webhook"
ECHO = "suspect_gift_echo"


def sift(
    tx: Connection, broadcaster_user_id: int, delivery: Delivery, events: Sequence[Event]
) -> list[Event]:
    """The events that may be counted."""
    if delivery.kind == CHAT and delivery.source == WEBHOOK:
        return [] if CHAT in feed_kinds(tx, broadcaster_user_id) else list(events)
    _note_gifts(tx, [event for event in events if isinstance(event, SubGifted)])
    return [event for event in events if not _is_parked_echo(tx, event)]


def feed_kinds(tx: Connection, broadcaster_user_id: int) -> frozenset[str]:
    """The kinds of events for which the feed is this channel's authority."""
    note = ("kick.feed_kinds", broadcaster_user_id)
    if note not in notes(tx):
        decided = store.list_authorities(tx, broadcaster_user_id)
        notes(tx)[note] = frozenset(kind for kind, whose in decided.items() if whose == "feed")
    found = notes(tx)[note]
    assert isinstance(found, frozenset)
    return found


def _is_parked_echo(tx: Connection, event: Event) -> bool:
    if not isinstance(event, SubscriptionStarted):
        return False
    gifts = store.list_recent(
        tx,
        event.guild_id,
        [event.subscriber.user_id],
        gifted=True,
        since=event.at - ECHO_WINDOW,
        until=event.at + ECHO_WINDOW,
    )
    if gifts:
        # A repetition of what was counted before is neither counted again nor odd.
        if not inbox.has_fact(tx, event):
            store.add_parked(tx, event, ECHO)
        return True
    store.add_recent(tx, [_recent(event, event.subscriber.user_id, gifted=False)])
    return False


def _note_gifts(tx: Connection, gifts: Sequence[SubGifted]) -> None:
    """Deliveries are not in order, so the echo may have come, and counted, before the gift."""
    store.add_recent(tx, [_recent(gift, gift.giftee.user_id, gifted=True) for gift in gifts])
    for guild_id in sorted({gift.guild_id for gift in gifts}):
        given = [gift for gift in gifts if gift.guild_id == guild_id]
        for echo in _counted_echoes(tx, guild_id, given):
            store.set_aside(
                tx,
                guild_id,
                SubscriptionStarted.__name__,
                echo.key,
                ECHO,
                echo.at,
                echo.payload,
                counted=True,
            )


def _counted_echoes(tx: Connection, guild_id: int, gifts: Sequence[SubGifted]) -> list[Recent]:
    # The gifts of a delivery share their instant.
    return store.list_recent(
        tx,
        guild_id,
        [gift.giftee.user_id for gift in gifts],
        gifted=False,
        since=gifts[0].at - ECHO_WINDOW,
        until=gifts[0].at + ECHO_WINDOW,
    )


def _recent(event: Event, kick_user_id: int, *, gifted: bool) -> Recent:
    payload = {} if gifted else to_json(event)
    return Recent(event.guild_id, kick_user_id, gifted, event.at, event.key, payload)
