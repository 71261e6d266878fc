"""What the tests of crediting share: the inbox with its worker, and somebody who counts."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from core.events import (
    Event,
    KicksGifted,
    SubGifted,
    SubscriptionRenewed,
    SubscriptionStarted,
    SupportRevoked,
)
from core.guilds.tables import audit_log
from core.inbox import actions as inbox
from core.inbox.handlers import Handler
from core.inbox.store import Delivery
from core.inbox.worker import Worker
from core.kick.feed import frames
from core.kick.feed.translate import translate as translate_feed
from core.kick.review import actions, credit, duplicates
from core.kick.review.events import FeedReport
from core.kick.review.handlers import on_feed_report, on_money
from core.kick.review.rules import Decision
from core.kick.translate import translate
from core.kit.services import Services
from tests.conftest import GUILD
from tests.kick.rig import NORA, StandingClock, person

ADMIN, OTHER_ADMIN = 77, 78
MIA, SAM, VERA = 4_100_003, 4_100_006, 4_100_007
MONEY = (SubGifted, SubscriptionStarted, SubscriptionRenewed, KicksGifted)


@dataclass
class Stage:
    """The inbox with its worker, our part of the package, and somebody who counts."""

    ours: Services
    clock: StandingClock
    counted: list[Event] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        def count(_tx: Connection, event: Event) -> None:
            self.counted.append(event)

        both = (Handler("events", on_money), Handler("count", count))
        handlers: dict[type[Event], tuple[Handler, ...]] = dict.fromkeys(MONEY, both)
        handlers[SupportRevoked] = (Handler("count", count),)
        handlers[FeedReport] = (Handler("seen", on_feed_report),)
        translators = {
            "kick.webhook": translate,
            frames.SOURCE: translate_feed,
            credit.BY_ADMIN: credit.translate_admins,
            credit.BY_FEED: credit.translate_feeds,
            inbox.OWN_SOURCE: inbox.translate_own,
        }
        self._worker = Worker(self.ours.database, translators, handlers, self.clock)

    def work(self) -> None:
        while self._worker.work_once():
            pass

    def webhook(self, kind: str, body: dict[str, object]) -> None:
        """A delivery with an id of its own."""
        self._number += 1
        self._receive(
            Delivery("kick.webhook", f"m{self._number}", kind, f"kick:{NORA}", body, self.clock.now)
        )

    def frame(self, event: str, data: dict[str, object], channel_id: int = NORA) -> None:
        self._receive(frames.to_delivery(channel_id, event, data, self.clock.now))

    def _receive(self, delivery: Delivery) -> None:
        with self.ours.database.begin() as tx:
            inbox.receive(tx, delivery)
        self.work()

    def events(self, guild_id: int = GUILD) -> list[actions.MissedEvent]:
        with self.ours.database.begin() as tx:
            return actions.list_missed(tx, guild_id, self.clock.now)

    def listing(self, guild_id: int = GUILD) -> list[dict[str, Any]]:
        """What `/missed list` shows."""
        with self.ours.database.begin() as tx:
            found: list[dict[str, Any]] = duplicates.listing(tx, guild_id, self.clock.now)["events"]
            return found

    def decide(self, number: int, state: Decision, actor: int = ADMIN) -> int:
        """How many duplicates an admin's word was about."""
        with self.ours.database.begin() as tx:
            group = duplicates.decide(tx, GUILD, number, state, actor, self.clock.now)
        self.work()
        return len(group.duplicates)

    def names(self) -> list[str]:
        """The kinds of events that were counted, in order."""
        return [type(event).__name__ for event in self.counted]

    def audit(self) -> list[tuple[str, int]]:
        with self.ours.database.begin() as tx:
            found = tx.execute(select(audit_log.c.action, audit_log.c.actor))
            return [(row.action, row.actor) for row in found]


def gifts(*names: str) -> dict[str, object]:
    return {
        "correlation_id": "c1",
        "gifter_username": "MadCats",
        "gifted_usernames": list(names),
    }


def gift_body(stage: Stage, *giftees: tuple[int, str]) -> dict[str, object]:
    return {
        "broadcaster": person(NORA, "NoraPlays"),
        "gifter": person(MIA, "MadCats"),
        "giftees": [person(*giftee) for giftee in giftees],
        "created_at": stage.clock.now.isoformat(),
        "expires_at": None,
    }


def kicks(number: str, **differs: object) -> dict[str, object]:
    return {
        "gift_transaction_id": number,
        "message": "gg",
        "sender": {"id": MIA, "username": "MadCats"},
        "gift": {"name": "Rage Quit", "amount": 500},
        "created_at": "2026-05-01T12:00:00.212275837Z",
        **differs,
    }


def kicks_body(created_at: str = "2026-05-01T12:00:00.212Z") -> dict[str, object]:
    return {
        "broadcaster": person(NORA, "NoraPlays"),
        "sender": person(MIA, "MadCats"),
        "gift": {"amount": 500, "name": "Rage Quit", "type": "LEVEL_UP", "tier": "MID"},
        "created_at": created_at,
    }


def counted_giftees(stage: Stage) -> list[int]:
    return sorted(
        event.giftee.user_id
        for event in stage.counted
        if isinstance(event, SubGifted) and event.giftee is not None
    )
