"""Adding to the review queue, confirming entries by webhook, and what admins decide."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Literal, TypeVar, cast

import structlog
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Text,
    bindparam,
    func,
    or_,
    select,
    text,
)

from core.events import Event, SubGifted, SubscriptionStarted, SupportRevoked, from_json, to_json
from core.guilds.actions import audit, load_settings
from core.inbox import actions as inbox
from core.kick.bodies import PLATFORM
from core.kick.review import rules
from core.kick.review.gifts import expect_items, name_gifts, recognise, take_credited
from core.kick.review.records import RecentSupport, ReviewItem, State
from core.kick.review.rules import WINDOWS, Decision, Kind, Support, kind_and_subject
from core.kit.database.connection import as_json
from core.kit.database.records import PlatformUserId
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.text.words import _

# Built once, because they run for each event.
_SINCE: BindParameter[Any] = bindparam("since")
_UNTIL: BindParameter[Any] = bindparam("until")
_ITEMS = (
    select(ReviewItem)
    .where(
        ReviewItem.kind == bindparam("kind"),
        ReviewItem.subject == func.any(bindparam("subjects", type_=ARRAY(Text))),
        or_(ReviewItem.at.between(_SINCE, _UNTIL), ReviewItem.webhook_key == bindparam("key")),
    )
    .order_by(ReviewItem.at, ReviewItem.key)
)


def _recent(who: ColumnElement[Any]) -> Select[Any]:
    return (
        select(RecentSupport)
        .where(
            RecentSupport.kind == bindparam("kind"), who, RecentSupport.at.between(_SINCE, _UNTIL)
        )
        .order_by(RecentSupport.at, RecentSupport.key)
    )


_WEBHOOKS = _recent(RecentSupport.subject == func.any(bindparam("subjects", type_=ARRAY(Text))))
_SUBSCRIPTIONS = _recent(
    RecentSupport.user_id == func.any(bindparam("user_ids", type_=ARRAY(BigInteger)))
)
_REMEMBER = text("""
    INSERT INTO kick_recent_support (guild_id, kind, key, subject, at, user_id, event)
    SELECT guild_id, kind, key, subject, at, user_id, NULLIF(event, 'null')
      FROM jsonb_to_recordset(CAST(:rows AS jsonb))
        AS r (guild_id bigint, kind text, key text, subject text, at timestamptz, user_id bigint,
              event jsonb)
        ON CONFLICT ON CONSTRAINT kick_recent_support_once DO NOTHING
""")

R = TypeVar("R", ReviewItem, RecentSupport)

_log = structlog.get_logger(__name__)


# -- the feed and webhooks report, in any order -------------------------------------------------


def report(work: Work, items: Iterable[ReviewItem], *, are_identified: bool) -> None:
    """The feed showed these; a webhook that confirms them may have arrived already.

    Args:
        are_identified: their keys contain the platform's own id. Without it, the same subject
            again within its window is a duplicate.
    """
    work.lock(Lock.KICK_REVIEW)
    expect_items(work)
    for kind, same in groupby(items, key=lambda item: cast("Kind", item.kind)):
        reported = list(same)
        at, keys = reported[0].at, [item.key for item in reported]
        known_keys = select(ReviewItem.key).where(ReviewItem.kind == kind, ReviewItem.key.in_(keys))
        known = set(work.scalars(known_keys))
        if not are_identified:
            subjects = [item.subject for item in reported]
            near = _items_near(work, kind, subjects, at, WINDOWS[kind])
            near_subjects = {item.subject for item in near}
            known |= {item.key for item in reported if item.subject in near_subjects}
        new = [item for item in reported if item.key not in known]
        work.add_all(new)
        if new:
            _match(work, kind, [item.subject for item in new], at)


def events_to_count(
    tx: Connection, events: Sequence[Event], *, by_admin: bool = False
) -> list[Event]:
    """The events of a delivery, without duplicates of gifts (they are queued for review) and
    without events that were credited before their webhook arrived.

    Called while translating, before any handler of the batch runs.

    Args:
        by_admin: an admin credited these, so they are not duplicates.
    """
    if not any(isinstance(event, Support) for event in events):
        return list(events)
    kept: list[Event] = []
    for (guild_id, drop), mine in groupby(events, key=_together):
        with Work(tx, guild_id, now=events[0].at) as work:
            work.lock(Lock.KICK_REVIEW)
            if drop:
                kept += _gifts_to_count(
                    work, [gift for gift in mine if isinstance(gift, SubGifted)]
                )
            else:
                kept += [event for event in mine if _counts(work, event, by_admin)]
    return kept


def _together(event: Event) -> tuple[int, str]:
    return event.guild_id, event.drop if isinstance(event, SubGifted) else ""


def _gifts_to_count(work: Work, gifts: Sequence[SubGifted]) -> list[Event]:
    """Those of one drop, in a fixed number of statements."""
    is_webhook = gifts[0].source == "webhook"
    events = recognise(work, gifts) if is_webhook else list(gifts)
    credited = take_credited(work, events) if is_webhook else set()
    confirming = {event.key for event in events if is_webhook and event.key not in credited}
    _remember(work, events, confirming)
    received = {event.giftee.user_id: event for event in events if event.giftee is not None}
    # Deliveries are not in order: the duplicate may have been counted before its gift came.
    for bought in _near_subscriptions(work, "sub", received, events[0].at):
        gift = received[bought.subscriber.user_id]
        _add_duplicate(work, bought, gift, is_counted=True)
    subjects = [kind_and_subject(event)[1] for event in events if event.key in confirming]
    _match(work, "gift", subjects, events[0].at)
    return [event for event in events if event.key not in credited]


def _counts(work: Work, event: Event, by_admin: bool) -> bool:
    if not isinstance(event, Support):
        return True
    is_webhook = event.source == "webhook"
    is_duplicate = not by_admin and _is_duplicate(work, event)
    is_credited = is_webhook and not is_duplicate and _is_credited(work, event, by_admin)
    confirms = is_webhook and not is_credited
    if not by_admin:
        _remember(work, [event], {event.key} if confirms else set())
    if confirms:
        kind, subject = kind_and_subject(event)
        _match(work, kind, [subject], event.at)
    return not is_duplicate and not is_credited


def _remember(work: Work, events: Sequence[Support], confirming: Collection[str]) -> None:
    """Remember events; for the `confirming` keys, also the subject that they confirm."""
    rows = []
    for event in events:
        kind, subject = kind_and_subject(event)
        person = None
        if isinstance(event, SubGifted):
            person = event.giftee
        elif isinstance(event, SubscriptionStarted):
            person = event.subscriber
        row = {
            "guild_id": work.guild_id,
            "kind": kind,
            "key": event.key,
            "subject": subject if event.key in confirming else None,
            "at": event.at,
            "user_id": person.user_id if person else None,
            "event": to_json(event) if person else None,
        }
        rows.append(row)
    work.tx.execute(_REMEMBER, {"rows": as_json(rows)})


def _is_credited(work: Work, event: Support, by_admin: bool) -> bool:
    """Whether it was credited before its webhook arrived. The credited item stores the key, so that
    only one webhook is dropped for it."""
    kind, subject = kind_and_subject(event)
    items = _items_near(work, kind, [subject], event.at, WINDOWS[kind], event.key)
    if any(item.webhook_key == event.key and item.state == "credited" for item in items):
        return True
    free = [item for item in items if item.webhook_key is None]
    if all(item.state != "credited" for item in free):
        return False
    if not by_admin and work.find(RecentSupport, kind, event.key) is not None:
        return False  # this event itself was counted before
    nearest = min(free, key=lambda item: (abs(item.at - event.at), item.state == "credited"))
    if nearest.state != "credited":
        return False
    nearest.webhook_key = event.key
    _log.info("Late webhook confirmed a credited event", guild_id=work.guild_id)
    return True


def _match(work: Work, kind: Kind, subjects: Collection[str], at: datetime) -> None:
    """Pair everything with these subjects around this time again: the order of arrival must not
    matter."""
    for items, webhooks in _around(work, kind, subjects, at):
        pairs = rules.pair(
            [webhook.at for webhook in webhooks], [item.at for item in items], WINDOWS[kind]
        )
        for place, item in enumerate(items):
            key = webhooks[pairs[place]].key if place in pairs else None
            if item.webhook_key != key:
                item.webhook_key, item.state = key, "confirmed" if key else "waiting"


def _around(
    work: Work, kind: Kind, subjects: Collection[str], at: datetime
) -> list[tuple[list[ReviewItem], list[RecentSupport]]]:
    """For each subject, the items that could be paired around this time, directly or through
    others. Credited items are left out: they have counted."""
    window = WINDOWS[kind]
    reach = window * 2
    while True:
        near = _items_near(work, kind, subjects, at, reach)
        items = _by_subject(item for item in near if item.state != "credited")
        if not items:
            return []
        webhooks = _by_subject(_webhooks_near(work, kind, items, at, at, reach))
        found, farthest = [], timedelta(0)
        for subject, theirs in items.items():
            others = webhooks.get(subject, [])
            instants = [*(w.at for w in others), *(i.at for i in theirs)]
            first, last = rules.neighbourhood(instants, at, window)
            farthest = max(farthest, at - first, last - at)
            found.append(
                (
                    [item for item in theirs if first <= item.at <= last],
                    [other for other in others if first <= other.at <= last],
                )
            )
        if farthest <= reach - window:
            return found
        reach *= 4


def _by_subject(rows: Iterable[R]) -> dict[str, list[R]]:
    found: dict[str, list[R]] = {}
    for row in rows:
        found.setdefault(row.subject or "", []).append(row)
    return found


def _items_near(
    work: Work,
    kind: Kind,
    subjects: Collection[str],
    at: datetime,
    reach: timedelta,
    key: str | None = None,
) -> Sequence[ReviewItem]:
    """Items with these subjects and the item that this webhook confirms, by time."""
    given: dict[str, Any] = {"kind": kind, "key": key}
    given |= {"since": at - reach, "until": at + reach}
    given |= {"subjects": list(subjects)}
    return work.scalars(_ITEMS, given).all()


def _webhooks_near(
    work: Work,
    kind: Kind,
    subjects: Collection[str],
    first: datetime,
    last: datetime,
    reach: timedelta,
) -> Sequence[RecentSupport]:
    given: dict[str, Any] = {"kind": kind, "subjects": list(subjects)}
    given |= {"since": first - reach, "until": last + reach}
    return work.scalars(_WEBHOOKS, given).all()


# -- duplicates of gifts ------------------------------------------------------------------------


def _is_duplicate(work: Work, event: Support) -> bool:
    """Whether this new subscription is a gift that Kick sent twice; if so, queue it."""
    if not isinstance(event, SubscriptionStarted):
        return False
    gifts = _near_subscriptions(work, "gift", [event.subscriber.user_id], event.at)
    if gifts:
        _add_duplicate(work, event, gifts[0], is_counted=False)
    return bool(gifts)


def _near_subscriptions(
    work: Work, kind: Kind, user_ids: Collection[int], at: datetime
) -> list[Any]:
    """The `SubGifted`s to these viewers, or their `SubscriptionStarted`s, within ten minutes."""
    if not user_ids:
        return []
    since, until = at - rules.DUPLICATE_WINDOW, at + rules.DUPLICATE_WINDOW
    given = {"kind": kind, "user_ids": list(user_ids), "since": since, "until": until}
    event = SubGifted if kind == "gift" else SubscriptionStarted
    return [from_json(event, row.event or {}) for row in work.scalars(_SUBSCRIPTIONS, given)]


def _add_duplicate(
    work: Work, bought: SubscriptionStarted, gift: SubGifted, *, is_counted: bool
) -> None:
    """Queue it, unless it was queued before."""
    if work.find(ReviewItem, "duplicate", bought.key) is not None:
        return
    work.add(
        ReviewItem(
            kind="duplicate",
            key=bought.key,
            subject=rules.sub_subject(bought.subscriber.name, bought.months),
            drop=gift.drop,
            source=bought.source,
            channel_id=PlatformUserId(bought.channel_id),
            at=bought.at,
            giver=gift.gifter.name if gift.gifter else "",
            receiver=bought.subscriber.name,
            receiver_id=PlatformUserId(bought.subscriber.user_id),
            amount=bought.months,
            is_counted=is_counted,
            state="open",
        )
    )


# -- the queue ----------------------------------------------------------------------------------


Entry = Sequence[ReviewItem]
"""Entries that are decided together: the gifts of a drop or their duplicates, a subscription,
Kicks.
"""


def queue_overdue(work: Work) -> list[int]:
    """Queue what has waited too long for its webhook; returns the numbers of these entries."""
    work.lock(Lock.KICK_REVIEW)
    minutes = load_settings(work, rules.ReviewSettings).confirmation_minutes
    before = work.now - timedelta(minutes=minutes)
    _name_gifts(work, before)
    overdue = (ReviewItem.state == "waiting") & (ReviewItem.at <= before)
    unnumbered = (ReviewItem.state == "open") & ReviewItem.number.is_(None)
    by_time = (ReviewItem.at, ReviewItem.kind, ReviewItem.drop, ReviewItem.is_counted)
    due = work.scalars(select(ReviewItem).where(overdue | unnumbered).order_by(*by_time)).all()
    if not due:
        return []
    same = (ReviewItem.kind, ReviewItem.drop, ReviewItem.is_counted)
    known = select(*same, func.max(ReviewItem.number)).where(ReviewItem.number.is_not(None))
    numbers = {
        (kind, drop, is_counted): number
        for kind, drop, is_counted, number in work.execute(known.group_by(*same))
    }
    next_number = work.next_number(ReviewItem.number)
    for item in due:
        together = (item.kind, item.drop, item.is_counted)
        if together not in numbers:
            numbers[together], next_number = next_number, next_number + 1
        item.number, item.state = numbers[together], "open"
    return sorted({cast("int", item.number) for item in due})


def _name_gifts(work: Work, before: datetime) -> None:
    """Confirm the gifts that a webhook reported with other names, or without names."""
    unconfirmed = ReviewItem.state.in_(("waiting", "open")) & (ReviewItem.kind == "gift")
    overdue = select(ReviewItem).where(unconfirmed, ReviewItem.at <= before)
    items = work.scalars(overdue.order_by(ReviewItem.at, ReviewItem.key)).all()
    for item in name_gifts(work, items):
        _match(work, "gift", [item.subject], item.at)


def list_queue(work: Work) -> list[Entry]:
    """The open entries, by number."""
    queue_overdue(work)
    is_open = select(ReviewItem).where(ReviewItem.state == "open")
    items = work.scalars(is_open.order_by(ReviewItem.number, ReviewItem.key))
    return [list(entry) for _number, entry in groupby(items, key=lambda item: item.number)]


def get_entry(work: Work, number: int, decision: Decision) -> Entry:
    """The open entry with this number.

    Raises:
        Refusal: there is no such entry, it is decided, or the decision does not apply.
    """
    work.lock(Lock.KICK_REVIEW)
    numbered = select(ReviewItem).where(ReviewItem.number == number).order_by(ReviewItem.key)
    known = work.scalars(numbered).all()
    entry = [item for item in known if item.state == "open"]
    if not entry:
        raise _decided({item.state for item in known}, number)
    if decision == "credited" and entry[0].is_counted:
        what = _("#{number} was already counted.")
        remedy = _(
            "Take it back with `/missed undo {number}`, or keep it: `/missed dismiss {number}`."
        )
    elif decision == "taken_back" and not entry[0].is_counted:
        what = _("#{number} was not counted, so there is nothing to take back.")
        remedy = _("Remove it from the list with `/missed dismiss {number}`.")
    else:
        return entry
    raise Refusal(what.format(number=number), remedy.format(number=number))


def _decided(states: Collection[State], number: int) -> Refusal:
    words: dict[State, str] = {
        "credited": _("#{number} was already credited."),
        "taken_back": _("#{number} was already taken back."),
        "dismissed": _("#{number} was already dismissed."),
        "confirmed": _("A late webhook confirmed #{number}; it is counted."),
    }
    what = next((text for state, text in words.items() if state in states), "")
    what = what or _("No entry #{number}.")
    return Refusal(what.format(number=number), _("See open entries with `/missed list`."))


def settle(work: Work, items: Iterable[ReviewItem], decision: Decision) -> None:
    """Store the decision."""
    for item in items:
        item.state, item.decided_by, item.decided_at = decision, work.actor, work.now


def decide(work: Work, number: int, decision: Literal["taken_back", "dismissed"]) -> Entry:
    """Remove an entry from the queue, and if it is taken back, no longer count its duplicates. A
    webhook that comes later still counts.

    Raises:
        Refusal: see `get_entry`.
    """
    entry = get_entry(work, number, decision)
    settle(work, entry, decision)
    for item in entry if decision == "taken_back" else ():
        event = SubscriptionStarted.__name__
        inbox.publish(
            work.tx,
            SupportRevoked(
                key=f"{event}|{item.key}",
                guild_id=work.guild_id,
                at=work.now,
                platform=PLATFORM,
                channel_id=item.channel_id,
                event=event,
                of=item.key,
            ),
        )
    audit(work, f"kick.missed.{decision}", str(number))
    return entry
