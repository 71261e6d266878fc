"""Shared by the tests of crediting: the inbox with its worker, and a counting handler."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar, get_args

from sqlalchemy import select

from core.events import Event, SubGifted, SupportRevoked
from core.guilds.records import AuditEntry
from core.inbox import actions as inbox
from core.inbox.handlers import Handler, Handlers
from core.inbox.store import Delivery
from core.inbox.worker import Worker
from core.kick.bodies import FEED, WEBHOOK
from core.kick.events import events_of
from core.kick.feed import frames
from core.kick.review import actions, credit, messages
from core.kick.review.actions import Entry
from core.kick.review.credit import Credited
from core.kick.review.rules import Support
from core.kit.database.work import Work, run_in_guild
from core.kit.services import Services
from tests.conftest import GUILD
from tests.kick.review.scene import ADMIN
from tests.kick.rig import NORA, StandingClock, person

P = ParamSpec("P")
T = TypeVar("T")

MIA, SAM, VERA = 4_100_003, 4_100_006, 4_100_007


@dataclass
class Stage:
    """The inbox with its worker, our part of the package, and somebody who counts."""

    ours: Services
    clock: StandingClock
    counted: list[Event] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        handler = Handler("count", lambda _tx, event: self.counted.append(event))
        handlers: Handlers = dict.fromkeys((*get_args(Support), SupportRevoked), (handler,))
        translators = {
            WEBHOOK: events_of,
            FEED: frames.translate,
            credit.BY_ADMIN: credit.translate,
            credit.BY_FEED: credit.translate,
            inbox.OWN_SOURCE: inbox.translate_own,
        }
        self._worker = Worker(self.ours.database, translators, handlers, self.clock)

    def work(self) -> None:
        while self._worker.work_once():
            pass

    def webhook(self, kind: str, body: dict[str, object]) -> None:
        """A delivery with its own id."""
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

    def do(
        self,
        action: Callable[Concatenate[Work, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """An admin does this now."""
        return self.do_in(GUILD, action, *args, **kwargs)

    def do_in(
        self,
        guild_id: int,
        action: Callable[Concatenate[Work, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        with self.ours.database.begin() as tx:
            return run_in_guild(tx, guild_id, ADMIN, self.clock.now, action, *args, **kwargs)

    def queue(self, guild_id: int = GUILD) -> list[Entry]:
        return self.do_in(guild_id, actions.list_queue)

    def listing(self, guild_id: int = GUILD) -> list[dict[str, Any]]:
        """What `/missed list` shows."""
        found: list[dict[str, Any]] = messages.payload(self.queue(guild_id))["events"]
        return found

    def credit(self, number: int, actor: int = ADMIN) -> Credited:
        """Until it is counted."""
        result = credit.credit(self.ours, GUILD, number, actor)
        self.work()
        return result

    def take_back(self, number: int) -> int:
        """How many duplicates no longer count."""
        entry = self.do(actions.decide, number, "taken_back")
        self.work()
        return len(entry)

    def names(self) -> list[str]:
        """The kinds of events that were counted, in order."""
        return [type(event).__name__ for event in self.counted]

    def audit(self) -> list[tuple[str, int]]:
        with self.ours.database.begin() as tx:
            found = tx.execute(select(AuditEntry.action, AuditEntry.actor))
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
