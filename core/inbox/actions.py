"""Receiving deliveries, publishing events, retrying dead letters."""

from collections.abc import Sequence

from sqlalchemy import Connection, or_, select, update

from core import events
from core.events import Event, from_json, to_json
from core.inbox import store
from core.inbox.records import deliveries, retries
from core.inbox.store import Delivery
from core.kit.database.connection import notify_after_commit
from core.kit.database.work import Work

TOPIC = "inbox"

OWN_SOURCE = "inbox.events"
"""Source of the events that features publish themselves."""


def receive_all(tx: Connection, batch: Sequence[Delivery]) -> list[bool]:
    """Store deliveries and wake the worker; False for each duplicate."""
    added = store.add_deliveries(tx, batch)
    for delivery, new in zip(batch, added, strict=True):
        if new:
            notify_after_commit(
                tx, TOPIC, kind=delivery.kind, lane=delivery.lane, delivery_id=delivery.delivery_id
            )
    return added


def receive(tx: Connection, delivery: Delivery) -> bool:
    """Store one delivery and wake the worker; False if it is a duplicate."""
    return receive_all(tx, [delivery])[0]


def retry_dead_letters(work: Work) -> int:
    """Retry this server's failed handlers, and all deliveries that could not be translated, since
    those belong to no server yet; returns how many."""
    tx = work.tx
    untranslated = update(deliveries).where(deliveries.c.state == "dead")
    failed = update(retries).where(retries.c.state == "dead", retries.c.guild_id == work.guild_id)
    count = tx.execute(untranslated.values(state="waiting", error=None)).rowcount
    count += tx.execute(failed.values(state="waiting", attempts=0, try_at=work.now)).rowcount
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
            lane=_lane(event.guild_id),
            body=to_json(event),
            sent_at=event.at,
        ),
    )


def is_waiting(tx: Connection, guild_id: int, *kinds: type[Event]) -> bool:
    """Whether such events of our own are still to be handled, or a handler of them is to be tried
    again."""
    names = [kind.__name__ for kind in kinds]
    published = select(deliveries.c.id).where(
        deliveries.c.state == "waiting",
        deliveries.c.lane == _lane(guild_id),
        deliveries.c.kind.in_(names),
    )
    failed = select(retries.c.id).where(
        retries.c.state == "waiting", retries.c.guild_id == guild_id, retries.c.event.in_(names)
    )
    return bool(tx.execute(select(or_(published.exists(), failed.exists()))).scalar())


def _lane(guild_id: int) -> str:
    return f"own:{guild_id}"


def translate_own(_tx: Connection, delivery: Delivery) -> list[Event]:
    """The published event."""
    return [from_json(getattr(events, delivery.kind), delivery.body)]
