"""Confirms the feed's events by webhooks, and queues those that stay unconfirmed for review.

Lock order: the inbox's lane, if one is taken, then the server's lock here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from core.events import Event, KicksGifted, SubGifted, SubscriptionRenewed, SubscriptionStarted
from core.guilds import actions as guilds
from core.guilds import store as guild_store
from core.inbox import store as inbox
from core.kick.review import rules, store
from core.kick.review.events import FeedReport
from core.kick.review.rules import WINDOWS, Kind
from core.kick.review.settings import CONFIRMATION_MINUTES
from core.kick.review.store import Confirmation, UnconfirmedEvent
from core.kit.errors import Refusal
from core.kit.words import _

Money = SubGifted | SubscriptionStarted | SubscriptionRenewed | KicksGifted

SHOWN = 10
"""Entries, and names of each, that a message shows."""

_log = structlog.get_logger(__name__)


# -- both sides arrive, in any order ------------------------------------------------------------


def note_report(tx: Connection, seen: FeedReport) -> None:
    """The feed reported it: match it with its webhook, now or when that comes."""
    store.lock(tx, seen.guild_id)
    if not seen.identified and _is_repeated(tx, seen):
        return
    if store.add_unconfirmed(tx, seen):
        _match(tx, seen.guild_id, seen.kind, seen.subject, seen.at)


def _is_repeated(tx: Connection, seen: FeedReport) -> bool:
    window = WINDOWS[seen.kind]
    since, until = seen.at - window, seen.at + window
    return bool(store.list_unconfirmed(tx, seen.guild_id, seen.kind, seen.subject, since, until))


def note_webhook(tx: Connection, event: Money) -> None:
    """A webhook brought it: match it with the feed's report, now or when that comes."""
    if event.source != "webhook":
        return
    store.lock(tx, event.guild_id)
    confirmation = confirmation_of(event)
    store.add_confirmation(tx, confirmation)
    _match(tx, event.guild_id, confirmation.kind, confirmation.subject, confirmation.at)


def note_duplicates(tx: Connection, events: Sequence[Event]) -> None:
    """Duplicates confirm the feed's reports too, so that those are not queued as missing."""
    for event in events:
        if isinstance(event, Money):
            note_webhook(tx, event)


def confirmation_of(event: Money) -> Confirmation:
    """The webhook's event as the feed's reports are matched with it."""
    kind, subject = _subject(event)
    return Confirmation(event.guild_id, kind, event.key, subject, event.at)


def _subject(event: Money) -> tuple[Kind, str]:
    match event:
        case SubGifted():
            giver = event.gifter.name if event.gifter else None
            giftee = event.giftee.name if event.giftee else event.giftee_name
            return "gift", rules.gift_subject(giver, giftee)
        case KicksGifted():
            return "kicks", rules.kicks_subject(event.sender.user_id, event.amount)
        case _:
            return "sub", rules.sub_subject(event.subscriber.name, event.months)


def _match(tx: Connection, guild_id: int, kind: Kind, subject: str, at: datetime) -> None:
    """Pair everything around this instant again, so the order of arrival does not matter."""
    confirmations, seen = _around(tx, guild_id, kind, subject, at)
    pairs = rules.pair([f.at for f in confirmations], [w.seen.at for w in seen], WINDOWS[kind])
    wanted = [confirmations[pairs[i]].key if i in pairs else None for i in range(len(seen))]
    store.set_matches(
        tx,
        guild_id,
        kind,
        [
            (event.seen.key, webhook_key)
            for event, webhook_key in zip(seen, wanted, strict=True)
            if event.webhook_key != webhook_key
        ],
    )


def _around(
    tx: Connection, guild_id: int, kind: Kind, subject: str, at: datetime
) -> tuple[list[Confirmation], list[UnconfirmedEvent]]:
    """What could pair around this instant, directly or through others. Credited events are left
    out: they have counted."""
    window = WINDOWS[kind]
    reach = window * 2
    while True:
        confirmations = store.list_confirmations(
            tx, guild_id, kind, subject, at - reach, at + reach
        )
        seen = [
            event
            for event in store.list_unconfirmed(tx, guild_id, kind, subject, at - reach, at + reach)
            if event.state != "credited"
        ]
        instants = [f.at for f in confirmations] + [w.seen.at for w in seen]
        first, last = rules.neighbourhood(instants, at, window)
        if at - first <= reach - window and last - at <= reach - window:
            return (
                [f for f in confirmations if first <= f.at <= last],
                [w for w in seen if first <= w.seen.at <= last],
            )
        reach *= 4


def drop_already_credited(tx: Connection, events: Sequence[Event]) -> list[Event]:
    """The events without those that were credited before their webhook came.

    Called while translating, so it reads only what admins and scheduled tasks wrote, not handlers.
    """
    return [
        event
        for event in events
        if not (isinstance(event, Money) and _is_already_credited(tx, event))
    ]


def _is_already_credited(tx: Connection, event: Money) -> bool:
    if event.source != "webhook":
        return False
    store.lock(tx, event.guild_id)
    confirmation = confirmation_of(event)
    if not store.has_credited(tx, confirmation.guild_id, confirmation.kind, confirmation.subject):
        return False
    if store.is_attached(tx, confirmation.guild_id, confirmation.kind, confirmation.key):
        return True
    window = WINDOWS[confirmation.kind]
    around = store.list_unconfirmed(
        tx,
        confirmation.guild_id,
        confirmation.kind,
        confirmation.subject,
        confirmation.at - window,
        confirmation.at + window,
    )
    free = [event for event in around if event.webhook_key is None]
    if not free or inbox.has_event(tx, event):
        return False
    nearest = min(free, key=lambda w: (abs(w.seen.at - confirmation.at), w.state == "credited"))
    if nearest.state != "credited":
        return False
    store.attach(tx, confirmation.guild_id, confirmation.kind, nearest.seen.key, confirmation.key)
    _log.info(
        "A late webhook confirms an event that was credited before", guild_id=confirmation.guild_id
    )
    return True


# -- the review queue ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MissedEvent:
    """A gift drop, a subscription or Kicks without all of its webhooks."""

    number: int
    unconfirmed: tuple[FeedReport, ...]

    @property
    def first(self) -> FeedReport:
        """Has what all of them share."""
        return self.unconfirmed[0]


def suspect(tx: Connection, guild_id: int, now: datetime) -> list[int]:
    """What has waited for its webhook longer than the hold-off; the numbers that are new."""
    store.lock(tx, guild_id)
    before = now - timedelta(minutes=guilds.setting(tx, guild_id, CONFIRMATION_MINUTES))
    _name_gifts(tx, guild_id, before)
    return store.set_suspected(tx, guild_id, before)


def _name_gifts(tx: Connection, guild_id: int, before: datetime) -> None:
    """A webhook may leave out who received a gift, and the feed knows the name: give such a gift
    the name of one by the same giver that no other webhook told."""
    waiting: dict[str, list[FeedReport]] = {}
    for seen in store.list_due(tx, guild_id, "gift", before):
        waiting.setdefault(rules.gift_subject(seen.giver, ""), []).append(seen)
    window = WINDOWS["gift"]
    for unnamed, gifts in waiting.items():
        since, until = gifts[0].at - window, gifts[-1].at + window
        confirmations = store.list_confirmations(tx, guild_id, "gift", unnamed, since, until)
        pairs = rules.pair(
            [confirmation.at for confirmation in confirmations], [seen.at for seen in gifts], window
        )
        for place, seen in enumerate(gifts):
            if place in pairs:
                store.set_subject(tx, confirmations[pairs[place]], seen.subject)
                _match(tx, guild_id, "gift", seen.subject, seen.at)


def list_missed(tx: Connection, guild_id: int, now: datetime) -> list[MissedEvent]:
    """The events in the queue, by number."""
    suspect(tx, guild_id, now)
    events: dict[int, list[FeedReport]] = {}
    for event in store.list_suspected(tx, guild_id):
        events.setdefault(event.number or 0, []).append(event.seen)
    return [MissedEvent(number, tuple(seen)) for number, seen in events.items()]


def payload(events: Sequence[MissedEvent]) -> dict[str, Any]:
    """The data of messages about them."""
    shown = [
        {
            "number": missed.number,
            "kind": missed.first.kind,
            "giver": missed.first.giver,
            "receivers": [seen.receiver for seen in missed.unconfirmed][:SHOWN],
            "count": len(missed.unconfirmed),
            "amount": missed.first.amount,
            "gift_name": missed.first.gift_name,
            "at": missed.first.at.isoformat(),
        }
        for missed in events[:SHOWN]
    ]
    return {"events": shown, "count": len(events)}


def get_missed(tx: Connection, guild_id: int, number: int) -> MissedEvent:
    """One that waits for a decision.

    Raises:
        Refusal: there is none of this number, or it is decided.
    """
    known = store.list_numbered(tx, guild_id, number)
    seen = tuple(event.seen for event in known if event.state == "suspected")
    if not seen:
        raise _settled(known, number)
    return MissedEvent(number, seen)


def _settled(known: Sequence[UnconfirmedEvent], number: int) -> Refusal:
    look = _("`/missed list` shows what is open.")
    if not known:
        return Refusal(_("There is no missed event {number}.").format(number=number), look)
    states = {event.state for event in known}
    if "credited" in states:
        what = _("Number {number} has been credited already.")
    elif "dismissed" in states:
        what = _("Number {number} has been dismissed already.")
    else:
        what = _("The webhook of number {number} has come after all; it is counted.")
    return Refusal(what.format(number=number), look)


def dismiss(tx: Connection, guild_id: int, number: int, actor: int, now: datetime) -> int:
    """Remove it from the queue and return its number of events. A later webhook still counts.

    Raises:
        Refusal: there is none of this number, or it is decided.
    """
    store.lock(tx, guild_id)
    missed = get_missed(tx, guild_id, number)
    store.set_settled(tx, guild_id, missed.unconfirmed, "dismissed", actor, now)
    guild_store.post_audit(
        tx,
        guild_id,
        actor,
        "kick.missed.dismiss",
        target=str(number),
        before=len(missed.unconfirmed),
    )
    return len(missed.unconfirmed)
