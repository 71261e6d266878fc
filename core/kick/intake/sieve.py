"""What must not be counted just because it came.

The *echo of a gift* is set aside for an admin to look at: nobody knows whether Kick also tells
`channel.subscription.new` for somebody who was given a subscription, so one within ten minutes of a
gift is not counted. And *chat* is not taken twice, where the realtime feed is its source.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from core.events import Event, SubGifted, SubscriptionStarted
from core.events.base import to_json
from core.inbox import store as inbox
from core.inbox.store import Delivery
from core.kick.intake import echo_store, store
from core.kick.intake.echo_store import Echo, Recent
from core.kick.intake.rules import CHAT, ECHO_WINDOW
from core.kit.database import cache_of

WEBHOOK = "kick.webhook"
FEED = "kick.feed"


def sift(
    tx: Connection, broadcaster_user_id: int, delivery: Delivery, events: Sequence[Event]
) -> list[Event]:
    """The events that may be counted."""
    if delivery.kind == CHAT and delivery.source == WEBHOOK:
        return [] if CHAT in feed_kinds(tx, broadcaster_user_id) else list(events)
    return without_echoes(tx, events)


def feed_kinds(tx: Connection, broadcaster_user_id: int) -> frozenset[str]:
    """The kinds of events for which the feed is this channel's authority."""
    note = ("kick.feed_kinds", broadcaster_user_id)
    if note not in cache_of(tx):
        decided = store.list_authorities(tx, broadcaster_user_id)
        cache_of(tx)[note] = frozenset(kind for kind, whose in decided.items() if whose == "feed")
    found = cache_of(tx)[note]
    assert isinstance(found, frozenset)
    return found


def source_of_chat(tx: Connection, broadcaster_user_id: int) -> str:
    """By whom this channel's chat is told: that the other one hears it does not help."""
    return FEED if CHAT in feed_kinds(tx, broadcaster_user_id) else WEBHOOK


def without_echoes(tx: Connection, events: Sequence[Event]) -> list[Event]:
    """The events without echoes of gifts, which are set aside, whoever told them. Echoes of these
    gifts that were counted before are set aside as such."""
    _note_gifts(tx, [event for event in events if isinstance(event, SubGifted)])
    return [event for event in events if not _is_echo(tx, event)]


def note_decided(tx: Connection, events: Sequence[Event]) -> None:
    """An admin had these counted, so they are no echoes; but their own echoes may come."""
    _note_gifts(tx, [event for event in events if isinstance(event, SubGifted)])


def _is_echo(tx: Connection, event: Event) -> bool:
    if not isinstance(event, SubscriptionStarted):
        return False
    bought = Recent(
        event.guild_id, event.subscriber.user_id, False, event.at, event.key, to_json(event)
    )
    gifts = _around(tx, event, [event.subscriber.user_id], gifted=True)
    if not gifts:
        echo_store.add_recent(tx, [bought])
        return False
    # A repetition of what was counted before is neither counted again nor odd.
    if not inbox.has_event(tx, event):
        _set_aside(tx, bought, gifts[0], counted=False)
    return True


def _note_gifts(tx: Connection, gifts: Sequence[SubGifted]) -> None:
    """Deliveries are not in order, so the echo may have come, and counted, before the gift."""
    by_guild: dict[int, dict[int, Recent]] = {}
    for gift in gifts:
        if gift.giftee is not None:
            received = _received(gift, gift.giftee.user_id)
            by_guild.setdefault(gift.guild_id, {})[gift.giftee.user_id] = received
    for _guild_id, mine in sorted(by_guild.items()):
        echo_store.add_recent(tx, list(mine.values()))
        # The gifts of a delivery share their instant.
        for bought in _around(tx, next(iter(mine.values())), list(mine), gifted=False):
            _set_aside(tx, bought, mine[bought.kick_user_id], counted=True)


def _around(
    tx: Connection, event: Event | Recent, kick_user_ids: Sequence[int], *, gifted: bool
) -> list[Recent]:
    """What these people bought or received within ten minutes of the event."""
    since, until = event.at - ECHO_WINDOW, event.at + ECHO_WINDOW
    return echo_store.list_recent(
        tx, event.guild_id, kick_user_ids, gifted=gifted, since=since, until=until
    )


def _received(gift: SubGifted, giftee_id: int) -> Recent:
    about = {"drop": gift.drop, "giver": gift.gifter.name if gift.gifter else ""}
    return Recent(gift.guild_id, giftee_id, True, gift.at, gift.key, about)


def _set_aside(tx: Connection, bought: Recent, gift: Recent, *, counted: bool) -> None:
    echo_store.add_echo(
        tx,
        Echo(
            bought.guild_id,
            SubscriptionStarted.__name__,
            bought.key,
            counted,
            bought.at,
            bought.payload,
            drop=gift.payload.get("drop", gift.key),
            giver=gift.payload.get("giver", ""),
        ),
    )
