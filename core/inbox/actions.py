"""What one can do with the inbox from outside."""

from datetime import datetime

from sqlalchemy import Connection

from core.inbox import store
from core.inbox.store import Delivery
from core.kit.database import ring_after_commit

BELL = "inbox"


def receive(tx: Connection, delivery: Delivery) -> bool:
    """Write a delivery down and ring for the worker; False when it was already here."""
    if not store.add_delivery(tx, delivery):
        return False
    ring_after_commit(
        tx, BELL, kind=delivery.kind, lane=delivery.lane, delivery_id=delivery.delivery_id
    )
    return True


def try_shelf_again(tx: Connection, now: datetime) -> int:
    """Take everything off the shelf; returns how many will be tried again."""
    count = store.set_shelf_waiting(tx, now)
    if count:
        ring_after_commit(tx, BELL)
    return count
