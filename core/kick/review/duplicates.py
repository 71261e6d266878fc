"""Decisions about duplicates: gifts that Kick also sent as new subscriptions of the receivers.

A duplicate that was not counted can be credited; one that was counted can be taken back. Those of
one gift drop are decided together, under the number that `/missed` shows.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.events import SubscriptionStarted, SupportRevoked
from core.events.base import from_json
from core.guilds import store as guild_store
from core.inbox import actions as inbox
from core.kick.bodies import PLATFORM
from core.kick.review import actions, credit, duplicate_store, store
from core.kick.review.duplicate_store import Duplicate
from core.kick.review.rules import Decision
from core.kit.errors import Refusal
from core.kit.words import _


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """The duplicates of one drop, all of them counted or none."""

    number: int
    duplicates: tuple[Duplicate, ...]

    @property
    def first(self) -> Duplicate:
        """Has what all of them share."""
        return self.duplicates[0]


def list_groups(tx: Connection, guild_id: int) -> list[DuplicateGroup]:
    """The open ones, by number."""
    store.lock(tx, guild_id)
    duplicate_store.set_numbers(tx, guild_id)
    groups: dict[int, list[Duplicate]] = {}
    for duplicate in duplicate_store.list_duplicates(tx, guild_id):
        groups.setdefault(duplicate.number or 0, []).append(duplicate)
    return [DuplicateGroup(number, tuple(duplicates)) for number, duplicates in groups.items()]


def is_duplicate(tx: Connection, guild_id: int, number: int) -> bool:
    """Whether this is the number of duplicates, open or decided."""
    return bool(duplicate_store.list_numbered(tx, guild_id, number))


def decide(
    tx: Connection, guild_id: int, number: int, state: Decision, actor: int, now: datetime
) -> DuplicateGroup:
    """Count them after all, take them back, or dismiss them; once.

    Raises:
        Refusal: there are none of this number, they are decided, or the decision does not apply.
    """
    store.lock(tx, guild_id)
    group = _get(tx, guild_id, number)
    _check(group, state)
    duplicate_store.set_settled(tx, guild_id, number, state, actor, now)
    for duplicate in group.duplicates:
        _have_effect(tx, duplicate, state, now)
    verb = {"credited": "credit", "taken_back": "take_back", "dismissed": "dismiss"}[state]
    guild_store.post_audit(
        tx,
        guild_id,
        actor,
        f"kick.missed.{verb}",
        target=str(number),
        after=len(group.duplicates),
    )
    return group


def _get(tx: Connection, guild_id: int, number: int) -> DuplicateGroup:
    known = duplicate_store.list_numbered(tx, guild_id, number)
    still_open = tuple(duplicate for duplicate in known if duplicate.state == "open")
    if still_open:
        return DuplicateGroup(number, still_open)
    look = _("`/missed list` shows what is open.")
    words = {
        "credited": _("Number {number} has been credited already."),
        "taken_back": _("Number {number} has been taken back already."),
        "dismissed": _("Number {number} has been dismissed already."),
    }
    what = words.get(known[0].state if known else "", _("There is nothing with number {number}."))
    raise Refusal(what.format(number=number), look)


def _check(group: DuplicateGroup, state: Decision) -> None:
    number = group.number
    if state == "credited" and group.first.counted:
        raise Refusal(
            _("Number {number} has counted already.").format(number=number),
            _(
                "`/missed undo {number}` takes it back, `/missed dismiss {number}` leaves it."
            ).format(number=number),
        )
    if state == "taken_back" and not group.first.counted:
        raise Refusal(
            _("Number {number} has not counted, so nothing can be taken back.").format(
                number=number
            ),
            _("`/missed dismiss {number}` takes it off the list.").format(number=number),
        )


def _have_effect(tx: Connection, duplicate: Duplicate, state: Decision, now: datetime) -> None:
    event = from_json(SubscriptionStarted, duplicate.payload)
    assert isinstance(event, SubscriptionStarted), "nothing else is a duplicate"
    if state == "credited":
        credit.count_event(
            tx, credit.BY_ADMIN, f"duplicate|{event.key}", event, event.channel_id, now
        )
    elif state == "taken_back":
        inbox.publish(
            tx,
            SupportRevoked(
                key=f"{duplicate.event}|{duplicate.key}",
                guild_id=duplicate.guild_id,
                at=now,
                platform=PLATFORM,
                channel_id=event.channel_id,
                event=duplicate.event,
                of=duplicate.key,
            ),
        )


def subscriber_of(duplicate: Duplicate) -> str:
    """The subscriber's name."""
    return str(duplicate.payload["subscriber"]["name"])


# -- the whole queue ----------------------------------------------------------------------------


def listing(tx: Connection, guild_id: int, now: datetime) -> dict[str, Any]:
    """The data of messages about everything in the queue, by number."""
    events = actions.payload(actions.list_missed(tx, guild_id, now))
    groups = list_groups(tx, guild_id)
    rows = [*events["events"], *map(_row, groups)]
    rows.sort(key=lambda row: row["number"])
    return {"events": rows[: actions.SHOWN], "count": events["count"] + len(groups)}


def _row(group: DuplicateGroup) -> dict[str, Any]:
    return {
        "number": group.number,
        "kind": "counted_duplicate" if group.first.counted else "duplicate",
        "giver": group.first.giver,
        "receivers": [subscriber_of(duplicate) for duplicate in group.duplicates][: actions.SHOWN],
        "count": len(group.duplicates),
        "at": group.first.at.isoformat(),
    }
