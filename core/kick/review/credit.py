"""Credits events that only the feed reported: looks up the user ids, then counts each once.

A credit is a delivery in the inbox and is handled like any other: `kick.credit` after an admin's
decision, `kick.feed_credit` where the feed is the authority.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.events import (
    Event,
    KicksGifted,
    Person,
    SubGifted,
    SubscriptionRenewed,
    SubscriptionStarted,
)
from core.events.base import from_json, to_json
from core.guilds import store as guild_store
from core.inbox import actions as inbox
from core.inbox.store import Delivery
from core.kick.bodies import PLATFORM
from core.kick.client import KickClient, client_of
from core.kick.review import actions, store
from core.kick.review.duplicate_filter import note_credited_gifts, without_duplicates
from core.kick.review.events import FeedReport
from core.kick.review.rules import giver_key, name_key
from core.kick.wire import KickRejected
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _

BY_ADMIN = "kick.credit"
BY_FEED = "kick.feed_credit"

_CREDITED: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (SubGifted, SubscriptionStarted, SubscriptionRenewed, KicksGifted)
}


@dataclass(frozen=True, slots=True)
class Credited:
    """What was counted.

    Attributes:
        count: gifts, subscriptions or gifts of Kicks.
        unknown: names that Kick knows nobody by; these are still open.
    """

    count: int
    unknown: tuple[str, ...]


Nameable = tuple[FeedReport, Event]


def credit(services: Services, guild_id: int, number: int, actor: int) -> Credited:
    """Count a missed event. Asks Kick for user ids; call it in a thread.

    Raises:
        Refusal: it is decided, or Kick knows none of the names.
        Outage: Kick or the database does not answer; nothing was counted.
    """
    with services.database.begin() as tx:
        missed = actions.get_missed(tx, guild_id, number)
    named, unknown = name_people(services, missed.unconfirmed)
    if not named:
        raise Refusal(
            _("Kick knows nobody called {names}.").format(names=", ".join(unknown)),
            _("They may have changed their names. Credit it by hand and dismiss this."),
        )
    with services.database.begin() as tx:
        count = count_them(tx, guild_id, number, named, actor, services.clock())
    return Credited(count, unknown)


def count_them(
    tx: Connection,
    guild_id: int,
    number: int,
    named: Sequence[Nameable],
    actor: int,
    now: datetime,
) -> int:
    """Decide and count in one transaction; returns how many were still open.

    Raises:
        Refusal: another admin or the webhook was first.
    """
    store.lock(tx, guild_id)
    actions.get_missed(tx, guild_id, number)
    count = settle(tx, guild_id, named, actor, now)
    guild_store.post_audit(
        tx, guild_id, actor, "kick.missed.credit", target=str(number), after=count
    )
    return count


def settle(
    tx: Connection, guild_id: int, named: Iterable[Nameable], actor: int, now: datetime
) -> int:
    """Count those that are still open and return how many. The caller holds the lock."""
    count = 0
    for seen, event in named:
        if store.set_settled(tx, guild_id, [seen], "credited", actor, now):
            count += 1
            source = BY_FEED if actor == store.THE_FEED else BY_ADMIN
            count_event(tx, source, f"{seen.kind}|{seen.key}", event, seen.channel_id, now)
    return count


def count_event(
    tx: Connection, source: str, name: str, event: Event, channel_id: int, now: datetime
) -> None:
    """Put the event into the inbox, once for each name."""
    inbox.receive(
        tx,
        Delivery(
            source,
            f"{event.guild_id}|{name}",
            type(event).__name__,
            f"kick:{channel_id}",
            to_json(event),
            now,
        ),
    )


def translate_admins(tx: Connection, delivery: Delivery) -> list[Event]:
    """The event that an admin had counted, for this one server."""
    events = [from_json(_CREDITED[delivery.kind], delivery.body)]
    note_credited_gifts(tx, events)
    return actions.drop_already_credited(tx, events)


def translate_feeds(tx: Connection, delivery: Delivery) -> list[Event]:
    """The event that was counted because the feed is the authority for it."""
    return without_duplicates(tx, [from_json(_CREDITED[delivery.kind], delivery.body)])


# -- who they are -------------------------------------------------------------------------------


def name_people(
    services: Services, unconfirmed: Iterable[FeedReport]
) -> tuple[list[Nameable], tuple[str, ...]]:
    """The events with user ids in them, and the names that Kick knows nobody by.

    Raises:
        Outage: Kick does not answer.
        Refusal: Kick declines.
    """
    directory = _Directory(client_of(services.settings))
    named: list[Nameable] = []
    unknown: list[str] = []
    for seen in unconfirmed:
        missing = [name for name in names_in(seen) if directory.find(name) is None]
        if missing:
            unknown += [name for name in missing if name not in unknown]
        else:
            named.append((seen, event_of(seen, directory)))
    return named, tuple(unknown)


def names_in(seen: FeedReport) -> list[str]:
    """Whose user ids are needed."""
    if seen.kind == "kicks":
        return []
    return [seen.receiver, *([seen.giver] if giver_key(seen.giver) else [])]


class _Directory:
    """Who has which name, asked once for each."""

    def __init__(self, client: KickClient) -> None:
        self._client = client
        self._known: dict[str, Person | None] = {}

    def find(self, name: str) -> Person | None:
        slug = name_key(name)
        if slug not in self._known:
            self._known[slug] = self._ask(name, slug)
        return self._known[slug]

    def get(self, name: str) -> Person:
        person = self.find(name)
        assert person is not None, "names are looked up first"
        return person

    def _ask(self, name: str, slug: str) -> Person | None:
        try:
            found = self._client.find_channel(slug)
        except KickRejected as rejected:
            raise Refusal(str(rejected)) from rejected
        return Person(user_id=found[0], name=name) if found else None


def event_of(seen: FeedReport, people: "_Directory") -> Event:
    """The ordinary event. Its key cannot be the webhook's, for the feed lacks what that is made of;
    `actions.drop_already_credited` sees to it that the two are not both counted."""
    match seen.kind:
        case "gift":
            giver = people.get(seen.giver) if giver_key(seen.giver) else None
            return SubGifted(
                **_shared(seen),
                gifter=giver,
                giftee=people.get(seen.receiver),
                drop=f"feed|{seen.drop}",
            )
        case "sub" if seen.amount <= 1:
            return SubscriptionStarted(**_shared(seen), subscriber=people.get(seen.receiver))
        case "sub":
            return SubscriptionRenewed(
                **_shared(seen), subscriber=people.get(seen.receiver), months=seen.amount
            )
        case "kicks":
            return KicksGifted(
                **_shared(seen),
                sender=Person(user_id=seen.giver_id or 0, name=seen.giver),
                amount=seen.amount,
                gift_name=seen.gift_name,
                message=seen.message,
            )


def _shared(seen: FeedReport) -> dict[str, Any]:
    return {
        "key": f"feed|{seen.key}",
        "guild_id": seen.guild_id,
        "at": seen.at,
        "platform": PLATFORM,
        "channel_id": seen.channel_id,
        "source": "feed",
    }


# -- where the feed is the authority ------------------------------------------------------------

AUTHORITY_KINDS = {
    "gift": "channel.subscription.gifts",
    "kicks": "kicks.gifted",
}


def authority_kind(seen: FeedReport) -> str:
    """Kick's name of the webhook for the same event."""
    if seen.kind == "sub":
        return "channel.subscription." + ("new" if seen.amount <= 1 else "renewal")
    return AUTHORITY_KINDS[seen.kind]
