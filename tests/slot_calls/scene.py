"""A guild with slot calls, and ways to inspect what happened."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, delete, select

from core.events import ChatMessageSent, Event, Sender, SettingChanged, from_json
from core.guilds.records import AuditEntry
from core.inbox.records import deliveries
from core.kit.database.connection import Database, cache_of
from core.kit.database.work import Work, run_in_guild
from core.kit.errors import Refusal
from core.outbox.records import messages
from core.people.exclusions.actions import list_excluded
from core.slot_calls import actions, store
from core.slot_calls.feature import FEATURE

P = ParamSpec("P")
T = TypeVar("T")

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CHANNEL_ID = 555
MODERATOR = 900
KICK_CHANNEL = 41

_message_ids = count(1)


def chat_message(
    guild_id: int,
    text: str = "",
    *,
    name: str = "MadCats",
    user_id: int = 7,
    seconds: float = 0,
    message_id: str | None = None,
    platform: str = "kick",
    badges: tuple[str, ...] = (),
) -> ChatMessageSent:
    """A chat message, some seconds after noon."""
    key = message_id or f"message-{next(_message_ids)}"
    return ChatMessageSent(
        key=key,
        guild_id=guild_id,
        at=NOON + timedelta(seconds=seconds),
        platform=platform,
        channel_id=KICK_CHANNEL,
        message_id=key,
        sender=Sender(user_id=user_id, name=name, badges=badges),
        text=text,
    )


@dataclass(frozen=True)
class Posted:
    """A message in the outbox."""

    kind: str
    service: str
    target: dict[str, Any]
    payload: dict[str, Any] = field(repr=False)
    key: str = ""


def posted(tx: Connection, guild_id: int, *kinds: str) -> list[Posted]:
    """The guild's outbox, oldest message first."""
    found = tx.execute(
        select(messages).where(messages.c.guild_id == guild_id).order_by(messages.c.id)
    )
    rows = [Posted(r.kind, r.service, r.target, r.payload, r.key) for r in found]
    return [row for row in rows if not kinds or row.kind in kinds]


@dataclass(frozen=True)
class Guild:
    """A guild inside one transaction."""

    tx: Connection
    id: int

    def do(self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an action as a moderator, at noon."""
        cache_of(self.tx).clear()  # as in its own transaction
        return run_in_guild(self.tx, self.id, MODERATOR, NOON, action, *args, **kwargs)

    def call(self, slot: str, **who_and_when: Any) -> ChatMessageSent:
        """A viewer types `!call <slot>`."""
        message = chat_message(self.id, f"!call {slot}", **who_and_when)
        self.handle(message)
        return message

    def handle(self, *messages: ChatMessageSent) -> None:
        """One batch of chat."""
        cache_of(self.tx).clear()
        FEATURE.chat_commands[0].run(self.tx, messages)

    def say(self, text: str, **who_and_when: Any) -> None:
        """A viewer types another command."""
        message = chat_message(self.id, text, **who_and_when)
        cache_of(self.tx).clear()
        (command,) = (
            command for command in FEATURE.chat_commands if message.command in command.names
        )
        command.run(self.tx, [message])

    def handle_event(self, event: Event) -> None:
        cache_of(self.tx).clear()
        FEATURE.handlers[type(event)](self.tx, event)

    def handle_changed_settings(self) -> None:
        """Handle an event as the worker does after a commit."""
        ours = deliveries.c.kind == "SettingChanged", deliveries.c.lane == f"own:{self.id}"
        for row in self.tx.execute(select(deliveries).where(*ours).order_by(deliveries.c.id)):
            self.handle_event(from_json(SettingChanged, row.body))
        self.tx.execute(delete(deliveries).where(*ours))

    def excluded(self) -> list[str]:
        """Names of viewers who may not request slots."""
        return [account.viewer_name for account in self.do(list_excluded, "slot_calls").accounts]

    def open(self, channel: int = CHANNEL_ID) -> None:
        """Set a channel and no cooldown."""
        self.do(actions.configure, channel=channel, cooldown_seconds=0)

    def queue(self) -> list[str]:
        return [f"#{c.number} {c.slot} ({c.viewer_name})" for c in self.do(store.list_open)]

    def posted(self, *kinds: str) -> list[Posted]:
        return posted(self.tx, self.id, *kinds)

    def rejections(self) -> list[str]:
        return [message.payload["reason"] for message in self.posted("slot_calls.rejected")]

    def audited(self) -> list[str]:
        """`action target`, oldest first; without settings, which have no target."""
        found = self.tx.execute(
            select(AuditEntry).where(AuditEntry.guild_id == self.id).order_by(AuditEntry.id)
        )
        return [f"{row.action} {row.target}" for row in found if row.target]


Act = Callable[[Guild], object]


def all_at_once(gate: Database, acts: list[tuple[int, Act]]) -> list[object]:
    """Run each act in its own transaction and thread; a Refusal counts as a result."""
    ready = Barrier(len(acts))

    def run(guild_id: int, act: Act) -> object:
        ready.wait()
        try:
            with gate.begin() as tx:
                return act(Guild(tx, guild_id))
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(lambda act: run(*act), acts))
