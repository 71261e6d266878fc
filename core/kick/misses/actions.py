"""Matching what the feed saw with what webhooks told, under one lock for each server.

Lock order: the inbox's lane first, where one is held, then the server's lock here.
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
from core.kick.misses import rules, store
from core.kick.misses.events import FeedWitnessed
from core.kick.misses.rules import WINDOWS, Kind
from core.kick.misses.settings import HOLDOFF_MINUTES
from core.kick.misses.store import Told, Witness
from core.kit.errors import Refusal
from core.kit.words import _

Money = SubGifted | SubscriptionStarted | SubscriptionRenewed | KicksGifted

SHOWN = 10
"""Misses, and names of each, that a message shows."""

_log = structlog.get_logger(__name__)


# -- both sides arrive, in any order ------------------------------------------------------------


def note_witness(tx: Connection, seen: FeedWitnessed) -> None:
    """The feed saw it: match it, now or when its fact comes."""
    store.lock(tx, seen.guild_id)
    if not seen.identified and _is_repeated(tx, seen):
        return
    if store.add_witness(tx, seen):
        _match(tx, seen.guild_id, seen.kind, seen.subject, seen.at)


def _is_repeated(tx: Connection, seen: FeedWitnessed) -> bool:
    window = WINDOWS[seen.kind]
    since, until = seen.at - window, seen.at + window
    return bool(store.list_witnesses(tx, seen.guild_id, seen.kind, seen.subject, since, until))


def note_fact(tx: Connection, event: Money) -> None:
    """A webhook told it: match it, now or when its witness comes."""
    if event.source != "webhook":
        return
    store.lock(tx, event.guild_id)
    fact = told_by(event)
    store.add_told(tx, fact)
    _match(tx, event.guild_id, fact.kind, fact.subject, fact.at)


def note_set_aside(tx: Connection, events: Sequence[Event]) -> None:
    """These were told, but are for an admin to decide about: what the feed saw of them is then not
    missing as well."""
    for event in events:
        if isinstance(event, Money):
            note_fact(tx, event)


def told_by(event: Money) -> Told:
    """The fact as witnesses know it."""
    kind, subject = _subject(event)
    return Told(event.guild_id, kind, event.key, subject, event.at)


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
    """Pair anew whatever hangs together with this instant: what came first makes no difference."""
    facts, seen = _around(tx, guild_id, kind, subject, at)
    pairs = rules.pair([f.at for f in facts], [w.seen.at for w in seen], WINDOWS[kind])
    wanted = [facts[pairs[i]].key if i in pairs else None for i in range(len(seen))]
    store.set_matches(
        tx,
        guild_id,
        kind,
        [
            (witness.seen.key, fact_key)
            for witness, fact_key in zip(seen, wanted, strict=True)
            if witness.fact_key != fact_key
        ],
    )


def _around(
    tx: Connection, guild_id: int, kind: Kind, subject: str, at: datetime
) -> tuple[list[Told], list[Witness]]:
    """The facts and witnesses that this instant hangs together with. What was credited has had its
    effect and takes no part."""
    window = WINDOWS[kind]
    reach = window * 2
    while True:
        facts = store.list_told(tx, guild_id, kind, subject, at - reach, at + reach)
        seen = [
            witness
            for witness in store.list_witnesses(tx, guild_id, kind, subject, at - reach, at + reach)
            if witness.state != "credited"
        ]
        instants = [f.at for f in facts] + [w.seen.at for w in seen]
        first, last = rules.neighbourhood(instants, at, window)
        if at - first <= reach - window and last - at <= reach - window:
            return (
                [f for f in facts if first <= f.at <= last],
                [w for w in seen if first <= w.seen.at <= last],
            )
        reach *= 4


def attach_late(tx: Connection, events: Sequence[Event]) -> list[Event]:
    """The events without those that were credited before their webhook came.

    Called while translating, so it reads only what admins and timed work wrote, not handlers.
    """
    return [event for event in events if not (isinstance(event, Money) and _attached(tx, event))]


def _attached(tx: Connection, event: Money) -> bool:
    if event.source != "webhook":
        return False
    store.lock(tx, event.guild_id)
    fact = told_by(event)
    if not store.has_credited(tx, fact.guild_id, fact.kind, fact.subject):
        return False
    if store.find_attached(tx, fact.guild_id, fact.kind, fact.key):
        return True
    window = WINDOWS[fact.kind]
    around = store.list_witnesses(
        tx, fact.guild_id, fact.kind, fact.subject, fact.at - window, fact.at + window
    )
    free = [witness for witness in around if witness.fact_key is None]
    if not free or inbox.has_event(tx, event):
        return False
    nearest = min(free, key=lambda w: (abs(w.seen.at - fact.at), w.state == "credited"))
    if nearest.state != "credited":
        return False
    store.set_attached(tx, fact.guild_id, fact.kind, nearest.seen.key, fact.key)
    _log.info("A late webhook told what was credited before", guild_id=fact.guild_id)
    return True


# -- suspected misses ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Miss:
    """A drop, a subscription or Kicks of which not everything was told by webhook."""

    number: int
    witnesses: tuple[FeedWitnessed, ...]

    @property
    def first(self) -> FeedWitnessed:
        """What all of them share can be read from it."""
        return self.witnesses[0]


def suspect(tx: Connection, guild_id: int, now: datetime) -> list[int]:
    """What has waited for its webhook longer than the hold-off; the numbers that are new."""
    store.lock(tx, guild_id)
    before = now - timedelta(minutes=guilds.setting(tx, guild_id, HOLDOFF_MINUTES))
    _name_gifts(tx, guild_id, before)
    return store.set_suspected(tx, guild_id, before)


def _name_gifts(tx: Connection, guild_id: int, before: datetime) -> None:
    """A webhook may leave out who received a gift, and the feed knows the name: give such a gift
    the name of one by the same giver that no other webhook told."""
    waiting: dict[str, list[FeedWitnessed]] = {}
    for seen in store.list_due(tx, guild_id, "gift", before):
        waiting.setdefault(rules.gift_subject(seen.giver, ""), []).append(seen)
    window = WINDOWS["gift"]
    for unnamed, gifts in waiting.items():
        since, until = gifts[0].at - window, gifts[-1].at + window
        facts = store.list_told(tx, guild_id, "gift", unnamed, since, until)
        pairs = rules.pair([fact.at for fact in facts], [seen.at for seen in gifts], window)
        for place, seen in enumerate(gifts):
            if place in pairs:
                store.set_subject(tx, facts[pairs[place]], seen.subject)
                _match(tx, guild_id, "gift", seen.subject, seen.at)


def list_misses(tx: Connection, guild_id: int, now: datetime) -> list[Miss]:
    """The suspected misses, by number."""
    suspect(tx, guild_id, now)
    misses: dict[int, list[FeedWitnessed]] = {}
    for witness in store.list_suspected(tx, guild_id):
        misses.setdefault(witness.number or 0, []).append(witness.seen)
    return [Miss(number, tuple(seen)) for number, seen in misses.items()]


def payload(misses: Sequence[Miss]) -> dict[str, Any]:
    """What messages about them are made of."""
    shown = [
        {
            "number": miss.number,
            "kind": miss.first.kind,
            "giver": miss.first.giver,
            "receivers": [seen.receiver for seen in miss.witnesses][:SHOWN],
            "count": len(miss.witnesses),
            "amount": miss.first.amount,
            "gift_name": miss.first.gift_name,
            "at": miss.first.at.isoformat(),
        }
        for miss in misses[:SHOWN]
    ]
    return {"misses": shown, "count": len(misses)}


def get_miss(tx: Connection, guild_id: int, number: int) -> Miss:
    """One that is still open.

    Raises:
        Refusal: there is none of this number, or it is settled.
    """
    known = store.list_numbered(tx, guild_id, number)
    seen = tuple(witness.seen for witness in known if witness.state == "suspected")
    if not seen:
        raise _settled(known, number)
    return Miss(number, seen)


def _settled(known: Sequence[Witness], number: int) -> Refusal:
    look = _("`/missed list` shows what is open.")
    if not known:
        return Refusal(_("There is no suspected miss {number}.").format(number=number), look)
    states = {witness.state for witness in known}
    if "credited" in states:
        what = _("Number {number} has been credited already.")
    elif "dismissed" in states:
        what = _("Number {number} has been dismissed already.")
    else:
        what = _("The webhook of number {number} has come after all; it is counted.")
    return Refusal(what.format(number=number), look)


def dismiss(tx: Connection, guild_id: int, number: int, actor: int, now: datetime) -> int:
    """It was nothing; how many witnesses that was. A webhook that comes later still counts.

    Raises:
        Refusal: there is none of this number, or it is settled.
    """
    store.lock(tx, guild_id)
    miss = get_miss(tx, guild_id, number)
    store.set_settled(tx, guild_id, miss.witnesses, "dismissed", actor, now)
    guild_store.post_audit(
        tx, guild_id, actor, "kick.missed.dismiss", target=str(number), before=len(miss.witnesses)
    )
    return len(miss.witnesses)
