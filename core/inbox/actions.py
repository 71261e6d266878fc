"""What one can do with the inbox from outside."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from core.inbox import store
from core.inbox.store import Delivery
from core.kit.database import ring_after_commit

BELL = "inbox"


def receive_all(tx: Connection, deliveries: Sequence[Delivery]) -> list[bool]:
    """Write deliveries down and ring for the worker; False for each that was already here."""
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
