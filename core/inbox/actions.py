"""What one can do with the inbox from outside."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from core import events
from core.events import Event
from core.events.base import from_json, to_json
from core.inbox import store
from core.inbox.store import Delivery
from core.kit.database import ring_after_commit

BELL = "inbox"

OWN_SOURCE = "inbox.told"
"""What happened inside the product, and the features above have to know."""


def receive_all(tx: Connection, deliveries: Sequence[Delivery]) -> list[bool]:
    """Write deliveries down and tell the worker; False for each that was already here."""
    news = store.add_deliveries(tx, deliveries)
    for delivery, new in zip(deliveries, news, strict=True):
        if new:
            ring_after_commit(
                tx, BELL, kind=delivery.kind, lane=delivery.lane, delivery_id=delivery.delivery_id
            )
    return news


def receive(tx: Connection, delivery: Delivery) -> bool:
    """The same for one."""
    return receive_all(tx, [delivery])[0]


def try_shelf_again(tx: Connection, now: datetime, guild_id: int | None = None) -> int:
    """Take one server's things off the shelf, or everybody's; returns how many are tried again."""
    count = store.set_shelf_waiting(tx, now, guild_id)
    if count:
        ring_after_commit(tx, BELL)
    return count


def tell(tx: Connection, event: Event) -> bool:
    """Something happened among ourselves: it is heard once this transaction is committed, in order
    for each server, and as surely as what the outside tells. False when it was told before."""
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
    """The event that was told."""
    return [from_json(getattr(events, delivery.kind), delivery.body)]
