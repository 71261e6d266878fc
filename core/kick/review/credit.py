"""Counts what an admin credits, and the feed's events where the feed is the authority.

A credit is a delivery in the inbox and is handled like any other: `kick.credit` after an admin's
decision, `kick.feed_credit` where the feed is the authority.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import Connection

from core import events
from core.events import Event, Person, SubGifted, from_json, to_json
from core.guilds.actions import audit
from core.inbox import actions as inbox
from core.inbox.store import Delivery
from core.kick.bodies import PLATFORM
from core.kick.client import client_of
from core.kick.review import actions
from core.kick.review.records import ReviewItem
from core.kick.review.rules import Support, giver_key, name_key
from core.kick.wire import KickRejected
from core.kit.database.records import THE_BOT, PlatformUserId
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.text.words import _

BY_ADMIN = "kick.credit"
BY_FEED = "kick.feed_credit"

_CREDITED: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Support)}

Named = tuple[ReviewItem, Event]
"""An item and the event that it becomes."""


@dataclass(frozen=True, slots=True)
class Credited:
    """The credited events.

    Attributes:
        count: gifts, subscriptions or gifts of Kicks.
        unknown: names that no Kick user has; these are still open.
    """

    count: int
    unknown: tuple[str, ...]


def credit(services: Services, guild_id: int, number: int, actor: int) -> Credited:
    """Count an entry of the queue. Asks Kick for user ids; call it in a thread.

    Raises:
        Refusal: it is decided, or no Kick user has any of the names.
        Outage: Kick or the database does not answer; nothing was counted.
    """
    with services.work_in(guild_id, actor) as work:
        entry = actions.get_entry(work, number, "credited")
    named, unknown = name_people(services, entry)
    if not named:
        raise Refusal(
            _("Kick has no user named {names}.").format(names=", ".join(unknown)),
            _("They may have changed their names. Credit it by hand and dismiss this."),
        )
    with services.work_in(guild_id, actor) as work:
        actions.get_entry(work, number, "credited")  # an admin or the webhook may have been first
        count = count_items(work, named)
        audit(work, "kick.missed.credited", str(number))
    return Credited(count, unknown)


def count_items(work: Work, named: Iterable[Named]) -> int:
    """Count those that are still undecided; returns how many."""
    work.lock(Lock.KICK_REVIEW)
    source = BY_FEED if work.actor == THE_BOT else BY_ADMIN
    deliveries = []
    for named_item, event in named:
        item = work.find(ReviewItem, named_item.kind, named_item.key)
        if item is not None and item.state in ("waiting", "open"):
            actions.settle(work, [item], "credited")
            if isinstance(event, SubGifted):
                item.giver_id = _id_of(event.gifter)
                item.receiver_id = _id_of(event.giftee)
            name, lane = f"{work.guild_id}|{item.kind}|{item.key}", f"kick:{item.channel_id}"
            deliveries.append(
                Delivery(source, name, type(event).__name__, lane, to_json(event), work.now)
            )
    inbox.receive_all(work.tx, deliveries)
    return len(deliveries)


def _id_of(person: Person | None) -> PlatformUserId | None:
    return PlatformUserId(person.user_id) if person else None


def translate(tx: Connection, delivery: Delivery) -> list[Event]:
    """The event that was credited, for this one server."""
    event = from_json(_CREDITED[delivery.kind], delivery.body)
    return actions.events_to_count(tx, [event], by_admin=delivery.source == BY_ADMIN)


# -- user ids -----------------------------------------------------------------------------------


def name_people(
    services: Services, items: Iterable[ReviewItem]
) -> tuple[list[Named], tuple[str, ...]]:
    """The events with their user ids, and the names that no Kick user has.

    Raises:
        Outage: Kick does not answer.
        Refusal: Kick declines.
    """
    client = client_of(services.settings)
    people: dict[str, Person | None] = {"": None}

    def find(name: str, user_id: int | None) -> Person | None:
        """The person; each name is looked up once."""
        slug = name_key(name)
        if user_id is not None:
            return Person(user_id=user_id, name=name)
        if slug not in people:
            try:
                found = client.find_channel(slug)
            except KickRejected as rejected:
                raise Refusal(str(rejected)) from rejected
            people[slug] = Person(user_id=found[0], name=name) if found else None
        return people[slug]

    named: list[Named] = []
    unknown: dict[str, None] = {}
    for item in items:
        giver = item.giver if item.kind in ("gift", "kicks") and giver_key(item.giver) else ""
        both = find(giver, item.giver_id), find(item.receiver, item.receiver_id)
        missing = [
            name
            for name, person in zip((giver, item.receiver), both, strict=True)
            if name and person is None
        ]
        if missing:
            unknown.update(dict.fromkeys(missing))
        else:
            named.append((item, event_of(item, *both)))
    return named, tuple(unknown)


def event_of(item: ReviewItem, giver: Person | None, receiver: Person | None) -> Event:
    """The event that the webhook would have delivered, but with its own key, because the feed lacks
    what the webhook's key consists of; `actions.events_to_count` counts only one of the two."""
    is_report = item.source == "feed" and item.kind != "duplicate"
    shared: dict[str, Any] = {
        "key": f"feed|{item.key}" if is_report else item.key,
        "guild_id": item.guild_id,
        "at": item.at,
        "platform": PLATFORM,
        "channel_id": item.channel_id,
        "source": item.source,
    }
    if item.kind == "gift":
        return events.SubGifted(**shared, gifter=giver, giftee=receiver, drop=f"feed|{item.drop}")
    if item.kind == "kicks":
        assert giver is not None, "Kicks have a sender's id"
        return events.KicksGifted(
            **shared,
            sender=giver,
            amount=item.amount,
            gift_name=item.gift_name,
            message=item.message,
        )
    assert receiver is not None, "names are looked up first"
    if item.amount <= 1 or item.kind == "duplicate":
        return events.SubscriptionStarted(**shared, subscriber=receiver, months=item.amount)
    return events.SubscriptionRenewed(**shared, subscriber=receiver, months=item.amount)


def authority_kind(item: ReviewItem) -> str:
    """Kick's name for the webhook of the same event."""
    if item.kind == "sub":
        return "channel.subscription." + ("new" if item.amount <= 1 else "renewal")
    return {"gift": "channel.subscription.gifts", "kicks": "kicks.gifted"}.get(item.kind, "")
