"""Receiving deliveries, publishing events, retrying dead letters."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from core import events
from core.events import Event, from_json, to_json
from core.inbox import store
from core.inbox.store import Delivery
from core.kit.database import notify_after_commit

TOPIC = "inbox"

OWN_SOURCE = "inbox.events"
"""Source of the events that features publish themselves."""


def receive_all(tx: Connection, deliveries: Sequence[Delivery]) -> list[bool]:
    """Store deliveries and wake the worker; False for each duplicate."""
    added = store.add_deliveries(tx, deliveries)
    for delivery, new in zip(deliveries, added, strict=True):
        if new:
            notify_after_commit(
                tx, TOPIC, kind=delivery.kind, lane=delivery.lane, delivery_id=delivery.delivery_id
            )
    return added


def receive(tx: Connection, delivery: Delivery) -> bool:
    """Store one delivery and wake the worker; False if it is a duplicate."""
    return receive_all(tx, [delivery])[0]


def retry_dead_letters(tx: Connection, now: datetime, guild_id: int | None = None) -> int:
    """Retry the dead letters of one server, or of all; returns how many."""
    count = store.retry_dead(tx, now, guild_id)
    if count:
        notify_after_commit(tx, TOPIC)
    return count


def publish(tx: Connection, event: Event) -> bool:
    """Publish an event of our own. Its handlers run after this transaction has committed, in order
    per server, exactly once. False if it was published before."""
    kind = type(event).__name__
    return receive(
        tx,
        Delivery(
            source=OWN_SOURCE,
            delivery_id=f"{event.guild_id}|{kind}|{event.key}",
            kind=kind,
            lane=f"own:{event.guild_id}",
            body=to_json(event),
            sent_at=event.at,
        ),
    )


def translate_own(_tx: Connection, delivery: Delivery) -> list[Event]:
    """The published event."""
    return [from_json(getattr(events, delivery.kind), delivery.body)]
