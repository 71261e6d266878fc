"""Recognises a gifted subscription that Kick also sends as a new subscription.

Kick does not document whether it sends `channel.subscription.new` for somebody who received a gift,
so one within ten minutes of a gift waits in the review queue instead of counting.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from core.events import Event, SubGifted, SubscriptionStarted
from core.events.base import to_json
from core.inbox import store as inbox
from core.kick.review import duplicate_store
from core.kick.review.duplicate_store import Duplicate, Recent
from core.kick.review.rules import DUPLICATE_WINDOW


def without_duplicates(tx: Connection, events: Sequence[Event]) -> list[Event]:
    """The events that are not duplicates of a gift. Duplicates go to the review queue, also
    those of these gifts that were counted before."""
    _note_gifts(tx, [event for event in events if isinstance(event, SubGifted)])
    return [event for event in events if not _is_duplicate(tx, event)]


def note_credited_gifts(tx: Connection, events: Sequence[Event]) -> None:
    """An admin credited these, so they are not duplicates, but duplicates of them may follow."""
    _note_gifts(tx, [event for event in events if isinstance(event, SubGifted)])


def _is_duplicate(tx: Connection, event: Event) -> bool:
    if not isinstance(event, SubscriptionStarted):
        return False
    bought = Recent(
        event.guild_id, event.subscriber.user_id, False, event.at, event.key, to_json(event)
    )
    gifts = _around(tx, event, [event.subscriber.user_id], gifted=True)
    if not gifts:
        duplicate_store.add_recent(tx, [bought])
        return False
    # A repeated delivery of a counted subscription is not a duplicate of the gift.
    if not inbox.has_event(tx, event):
        _add_duplicate(tx, bought, gifts[0], counted=False)
    return True


def _note_gifts(tx: Connection, gifts: Sequence[SubGifted]) -> None:
    """Deliveries are not in order, so the duplicate may have been counted before its gift came."""
    by_guild: dict[int, dict[int, Recent]] = {}
    for gift in gifts:
        if gift.giftee is not None:
            received = _received(gift, gift.giftee.user_id)
            by_guild.setdefault(gift.guild_id, {})[gift.giftee.user_id] = received
    for _guild_id, mine in sorted(by_guild.items()):
        duplicate_store.add_recent(tx, list(mine.values()))
        # The gifts of a delivery share their instant.
        for bought in _around(tx, next(iter(mine.values())), list(mine), gifted=False):
            _add_duplicate(tx, bought, mine[bought.kick_user_id], counted=True)


def _around(
    tx: Connection, event: Event | Recent, kick_user_ids: Sequence[int], *, gifted: bool
) -> list[Recent]:
    """What these people bought or received within ten minutes of the event."""
    since, until = event.at - DUPLICATE_WINDOW, event.at + DUPLICATE_WINDOW
    return duplicate_store.list_recent(
        tx, event.guild_id, kick_user_ids, gifted=gifted, since=since, until=until
    )


def _received(gift: SubGifted, giftee_id: int) -> Recent:
    about = {"drop": gift.drop, "giver": gift.gifter.name if gift.gifter else ""}
    return Recent(gift.guild_id, giftee_id, True, gift.at, gift.key, about)


def _add_duplicate(tx: Connection, bought: Recent, gift: Recent, *, counted: bool) -> None:
    duplicate_store.add_duplicate(
        tx,
        Duplicate(
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
