"""Shared by the tests of matching: events by webhook, what the feed reports, and their states."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select

from core.events import (
    Event,
    KicksGifted,
    Person,
    SubGifted,
    SubscriptionRenewed,
    SubscriptionStarted,
)
from core.kick.review import actions, rules
from core.kick.review.actions import Entry
from core.kick.review.records import ReviewItem
from core.kick.review.rules import Support
from core.kit.database.connection import cache_of
from core.kit.database.records import PlatformUserId
from core.kit.database.work import Work, run_in_guild
from tests.kick.rig import NOON, NORA

P = ParamSpec("P")
T = TypeVar("T")

ADMIN, OTHER_ADMIN = 77, 78

_numbers = count(1)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def user_id(name: str) -> int:
    """The same for every way of writing the name."""
    return 10_000 + sum(ord(letter) * 7**place for place, letter in enumerate(name.casefold()))


def person(name: str) -> Person:
    return Person(user_id=user_id(name), name=name)


@dataclass
class Scene:
    """One server, seen from both sides."""

    tx: Connection
    guild_id: int

    def do(
        self,
        action: Callable[Concatenate[Work, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """An admin does this at noon."""
        return self.do_at(NOON, action, *args, **kwargs)

    def do_at(
        self,
        now: datetime,
        action: Callable[Concatenate[Work, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        cache_of(self.tx).clear()  # as in its own transaction
        return run_in_guild(self.tx, self.guild_id, ADMIN, now, action, *args, **kwargs)

    # -- what webhooks bring ---------------------------------------------------------------------

    def gift(self, giver: str | None, giftee: str, seconds: float = 0) -> SubGifted:
        who = person(giver) if giver else None
        number = who.user_id if who else "anon"
        return SubGifted(
            key=f"{number}|{user_id(giftee)}|{at(seconds)}",
            guild_id=self.guild_id,
            at=at(seconds),
            platform="kick",
            channel_id=NORA,
            gifter=who,
            giftee=person(giftee),
            drop=f"{number}|{at(seconds)}",
        )

    def kicks(self, sender: str, amount: int, seconds: float = 0) -> KicksGifted:
        return KicksGifted(
            key=f"{user_id(sender)}|{amount}|{at(seconds)}",
            guild_id=self.guild_id,
            at=at(seconds),
            platform="kick",
            channel_id=NORA,
            sender=person(sender),
            amount=amount,
            gift_name="Rage Quit",
        )

    def sub(self, name: str, months: int, seconds: float = 0) -> Support:
        if months == 1:
            return SubscriptionStarted(
                key=f"{user_id(name)}|{at(seconds)}",
                guild_id=self.guild_id,
                at=at(seconds),
                platform="kick",
                channel_id=NORA,
                subscriber=person(name),
            )
        return SubscriptionRenewed(
            key=f"{user_id(name)}|{months}",
            guild_id=self.guild_id,
            at=at(seconds),
            platform="kick",
            channel_id=NORA,
            subscriber=person(name),
            months=months,
        )

    def deliver(self, *events: Support) -> list[Event]:
        """As the worker does; gives what is to be counted."""
        cache_of(self.tx).clear()
        return actions.events_to_count(self.tx, events)

    # -- what the feed reports -------------------------------------------------------------------

    def reported_gift(
        self, giver: str | None, giftee: str, seconds: float = 0, *, drop: str = ""
    ) -> ReviewItem:
        number = drop or f"c{next(_numbers)}"
        return ReviewItem(
            kind="gift",
            key=f"gift|{number}|{rules.name_key(giftee)}",
            subject=rules.gift_subject(giver or "Anonymous", giftee),
            drop=number,
            channel_id=PlatformUserId(NORA),
            at=at(seconds),
            giver=giver or "",
            receiver=giftee,
        )

    def reported_kicks(self, sender: str, amount: int, seconds: float = 0) -> ReviewItem:
        key = f"kicks|{next(_numbers)}"
        return ReviewItem(
            kind="kicks",
            key=key,
            subject=rules.kicks_subject(user_id(sender), amount),
            drop=key,
            channel_id=PlatformUserId(NORA),
            at=at(seconds),
            giver=sender,
            giver_id=PlatformUserId(user_id(sender)),
            amount=amount,
            gift_name="Rage Quit",
            message="gg",
        )

    def reported_sub(self, name: str, months: int, seconds: float = 0) -> ReviewItem:
        key = f"sub|{next(_numbers)}"
        return ReviewItem(
            kind="sub",
            key=key,
            subject=rules.sub_subject(name, months),
            drop=key,
            channel_id=PlatformUserId(NORA),
            at=at(seconds),
            receiver=name,
            amount=months,
        )

    def report(self, *seen: ReviewItem) -> None:
        """Each in its own frame; a subscription has no number of the platform."""
        for each in seen:
            self.do(actions.report, [each], are_identified=each.kind != "sub")

    # -- what became of it ----------------------------------------------------------------------

    def states(self) -> dict[str, str]:
        """Key -> state."""
        found = self.tx.execute(
            select(ReviewItem.key, ReviewItem.state).where(ReviewItem.guild_id == self.guild_id)
        )
        return {row.key: row.state for row in found}

    def state(self, seen: ReviewItem) -> str:
        return self.states()[seen.key]

    def queue(self, minutes: float = 16) -> list[Entry]:
        """What is open so many minutes after noon."""
        return self.do_at(at(minutes * 60), actions.list_queue)
