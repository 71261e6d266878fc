"""A guild with points, and ways to inspect the ledger."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select

from core import events
from core.events import ChatMessageSent, Event, from_json
from core.features import load_features
from core.guilds.actions import change_settings
from core.inbox.actions import OWN_SOURCE
from core.inbox.handlers import collect, handle
from core.inbox.records import deliveries
from core.kit.database.connection import cache_of
from core.kit.database.work import Work, run_in_guild
from core.people import store as people
from core.points import ledger, store
from core.points.ledger import NewEntry
from core.points.rules import Bucket, PointsSettings
from tests.slot_calls.scene import MODERATOR, NOON, Posted, chat_message, posted

(FEATURE,) = (feature for feature in load_features() if feature.name == "points")

P = ParamSpec("P")
T = TypeVar("T")

MIA, TOM, PIA = 71, 72, 73
"""Accounts on Kick."""
NAMES = {MIA: "Mia", TOM: "Tom", PIA: "Pia"}


@dataclass
class PointsGuild:
    """A guild inside one transaction; it is noon unless `at` was changed."""

    tx: Connection
    id: int
    at: datetime = field(default=NOON)

    def do(self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an action as a moderator."""
        return self.do_as(MODERATOR, action, *args, **kwargs)

    def do_as(
        self,
        member: int,
        action: Callable[Concatenate[Work, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        cache_of(self.tx).clear()  # as in its own transaction
        return run_in_guild(self.tx, self.id, member, self.at, action, *args, **kwargs)

    def set(self, **values: Any) -> None:
        self.do(change_settings, PointsSettings, **({"enabled": True} | values))

    def viewer(self, user_id: int, platform: str = "kick") -> int:
        name = NAMES.get(user_id, f"viewer{user_id}")
        return people.set_viewer(self.tx, self.id, platform, user_id, name, NOON)

    def link(self, user_id: int, member: int, platform: str = "kick") -> int:
        """A member links this account."""
        viewer_id = self.viewer(user_id, platform)
        people.add_link(self.tx, self.id, member, platform, viewer_id, NOON)
        return viewer_id

    def give(self, viewer_id: int, amount: int, bucket: Bucket = "earned") -> None:
        """Give points with a made-up cause."""
        number = self.do(store.next_entry, "test", [viewer_id])[viewer_id]
        new = [NewEntry(f"test:{viewer_id}:{number}", viewer_id, bucket, amount)]
        self.do(ledger.post, "test", new)

    def balance(self, viewer_id: int) -> dict[str, int]:
        """Bucket -> points, of this account alone."""
        found = self.do(store.get_balances, [viewer_id])
        return {bucket: points for (_viewer, bucket), points in found.items()}

    def handle(self, event: Event) -> None:
        cache_of(self.tx).clear()
        handle(self.tx, collect([FEATURE]), [event])

    def say(self, text: str, user_id: int = MIA, **given: Any) -> ChatMessageSent:
        """A viewer types a command in chat."""
        seconds = (self.at - NOON) / timedelta(seconds=1)
        name = NAMES.get(user_id, f"viewer{user_id}")
        message = chat_message(self.id, text, user_id=user_id, name=name, seconds=seconds, **given)
        cache_of(self.tx).clear()
        (command,) = (
            command for command in FEATURE.chat_commands if message.command in command.names
        )
        command.run(self.tx, [message])
        return message

    def replies(self) -> list[str]:
        """Chat replies, oldest first."""
        return [
            FEATURE.lines[message.kind](message.payload)
            for message in self.posted()
            if message.service != "discord" and message.kind in FEATURE.lines
        ]

    def posted(self, *kinds: str) -> list[Posted]:
        return posted(self.tx, self.id, *kinds)

    def published(self, kind: type[Event]) -> list[Any]:
        """Events of our own, oldest first."""
        ours = deliveries.c.source == OWN_SOURCE, deliveries.c.kind == kind.__name__
        found = self.tx.execute(select(deliveries.c.body).where(*ours).order_by(deliveries.c.id))
        return [from_json(getattr(events, kind.__name__), row.body) for row in found]

    def adds_up(self) -> None:
        """Run the checks of `python -m core.points audit`."""
        assert store.list_drift(self.tx) == []
        counted = store.count_ledger(self.tx)
        assert counted.held == counted.given
