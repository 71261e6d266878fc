"""Shared by the tests of matching: events by webhook, reports of the feed, and their states."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import Connection, select

from core.events import (
    Event,
    KicksGifted,
    Person,
    SubGifted,
    SubscriptionRenewed,
    SubscriptionStarted,
)
from core.inbox.tables import deliveries
from core.kick.review import actions, rules
from core.kick.review.actions import Money
from core.kick.review.events import FeedReport
from core.kick.review.tables import unconfirmed
from tests.kick.rig import NOON, NORA

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
    facts: list[Money] = field(default_factory=list)

    # -- what webhooks tell ---------------------------------------------------------------------

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

    def sub(self, name: str, months: int, seconds: float = 0) -> Money:
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

    def tell(self, *events: Money) -> list[Event]:
        """As the worker does: translate, then hear what was not attached. Gives what counted."""
        kept = actions.drop_already_credited(self.tx, events)
        for event in kept:
            assert isinstance(event, Money)
            actions.note_webhook(self.tx, event)
        return kept

    # -- what the feed shows --------------------------------------------------------------------

    def sees_gift(
        self, giver: str | None, giftee: str, seconds: float = 0, *, drop: str = ""
    ) -> FeedReport:
        number = drop or f"c{next(_numbers)}"
        return FeedReport(
            key=f"gift|{number}|{rules.name_key(giftee)}",
            guild_id=self.guild_id,
            at=at(seconds),
            kind="gift",
            channel_id=NORA,
            subject=rules.gift_subject(giver or "Anonymous", giftee),
            identified=True,
            drop=number,
            giver=giver or "",
            receiver=giftee,
        )

    def sees_kicks(self, sender: str, amount: int, seconds: float = 0) -> FeedReport:
        number = next(_numbers)
        return FeedReport(
            key=f"kicks|{number}",
            guild_id=self.guild_id,
            at=at(seconds),
            kind="kicks",
            channel_id=NORA,
            subject=rules.kicks_subject(user_id(sender), amount),
            identified=True,
            drop=f"kicks|{number}",
            giver=sender,
            giver_id=user_id(sender),
            amount=amount,
            gift_name="Rage Quit",
            message="gg",
        )

    def sees_sub(self, name: str, months: int, seconds: float = 0) -> FeedReport:
        key = f"sub|{next(_numbers)}"
        return FeedReport(
            key=key,
            guild_id=self.guild_id,
            at=at(seconds),
            kind="sub",
            channel_id=NORA,
            subject=rules.sub_subject(name, months),
            identified=False,
            drop=key,
            receiver=name,
            amount=months,
        )

    def see(self, *seen: FeedReport) -> None:
        for each in seen:
            actions.note_report(self.tx, each)

    # -- what became of it ----------------------------------------------------------------------

    def states(self) -> dict[str, str]:
        """Key of a unconfirmed event -> its state."""
        found = self.tx.execute(
            select(unconfirmed.c.key, unconfirmed.c.state).where(
                unconfirmed.c.guild_id == self.guild_id
            )
        )
        return {row.key: row.state for row in found}

    def state(self, seen: FeedReport) -> str:
        return self.states()[seen.key]

    def events(self, minutes: float = 16) -> list[actions.MissedEvent]:
        """What is suspected so many minutes after noon."""
        return actions.list_missed(self.tx, self.guild_id, at(minutes * 60))

    def credited(self) -> Sequence[str]:
        """Delivery ids of what was credited."""
        found = self.tx.execute(
            select(deliveries.c.delivery_id)
            .where(deliveries.c.source.in_(("kick.credit", "kick.feed_credit")))
            .order_by(deliveries.c.id)
        )
        return list(found.scalars())
