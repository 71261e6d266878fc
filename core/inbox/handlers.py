"""The handlers of each event, collected from all features."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from prometheus_client import Counter
from sqlalchemy import Connection

from core.events import SUBSCRIBER_BADGES, ChatMessageSent, Event, Sender
from core.kit.database.work import time_of_handling
from core.kit.feature import BatchHandler, ChatCommand, ChatRules, ChatUsers, EventHandler, Feature

_expired = Counter("chat_commands_expired", "Chat commands that came too late", ["command"])


@dataclass(frozen=True, slots=True)
class Handler:
    """One feature's handler for one kind of event.

    Attributes:
        name: unique and permanent: retries are stored under it.
        run: called as `run(tx, event)`.
        run_batch: called as `run_batch(tx, events)` where a whole batch goes well.
        concerns: false for events of its kind with which it would do nothing.
    """

    name: str
    run: EventHandler
    run_batch: "BatchHandler | None" = None
    concerns: Callable[[Any], object] = lambda _event: True


Handlers = Mapping[type[Event], tuple[Handler, ...]]


def collect(features: Iterable[Feature]) -> Handlers:
    """Event class -> handlers, in the order of the features. Chat commands handle
    `ChatMessageSent`, and come last."""
    features = tuple(features)
    table: dict[type[Event], list[Handler]] = {}
    for feature in features:
        for event, run_batch in feature.batch_handlers.items():
            name = f"{feature.name}.{event.__name__}"
            table.setdefault(event, []).append(_batch_handler(name, run_batch))
        for event, run in feature.handlers.items():
            table.setdefault(event, []).append(Handler(f"{feature.name}.{event.__name__}", run))
    rules = next((feature.chat_rules for feature in features if feature.chat_rules), _as_declared)
    for feature in features:
        for command in feature.chat_commands:
            handler = _command_handler(feature, command, rules)
            table.setdefault(ChatMessageSent, []).append(handler)
    return {event: tuple(handlers) for event, handlers in table.items()}


def _batch_handler(name: str, run_batch: BatchHandler) -> Handler:
    return Handler(name, lambda tx, event: run_batch(tx, [event]), run_batch)


RulesOf = Callable[[Connection, int, ChatCommand], ChatRules]


def _as_declared(_tx: Connection, _guild_id: int, command: ChatCommand) -> ChatRules:
    return ChatRules(command.names)


_BADGES: Mapping[ChatUsers, frozenset[str]] = {
    "subscribers": SUBSCRIBER_BADGES | {"moderator"},
    "moderators": frozenset(("moderator",)),
}


def _may_use(who: ChatUsers, sender: Sender) -> bool:
    if who == "everyone" or sender.is_broadcaster:
        return True
    return not _BADGES.get(who, frozenset()).isdisjoint(sender.badges)


_typed_command = attrgetter("command")


class _Cooldown:
    """When a chat command was answered last in each server on each platform: who chats on one does
    not see answers on the other. It is kept in memory only: after a restart a command may be
    answered too early, once."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, str], tuple[datetime, str]] = {}
        self._guard = threading.Lock()

    def allows(self, message: ChatMessageSent, rules: ChatRules, now: datetime) -> bool:
        """Whether this message is answered; the same again if it is handled again."""
        if not rules.cooldown or _may_use("moderators", message.sender):
            return True
        chat = message.guild_id, message.platform
        with self._guard:
            at, message_id = self._last.get(chat, (None, ""))
            if message_id == message.message_id:
                return True
            if at is not None and abs((now - at).total_seconds()) < rules.cooldown:
                return False
            self._last[chat] = now, message.message_id
            return True


def _command_handler(feature: Feature, command: ChatCommand, rules_of: RulesOf) -> Handler:
    cooldown = _Cooldown()

    def runs(tx: Connection, message: ChatMessageSent) -> bool:
        if not message.is_answered or message.sender.is_bot:
            return False
        rules = rules_of(tx, message.guild_id, command)
        if not (rules.enabled and message.command in rules.names):
            return False
        now = time_of_handling(tx, message.at)
        if now - message.at > command.lasts:
            _expired.labels(command.names[0]).inc()
            return False
        return _may_use(rules.who, message.sender) and cooldown.allows(message, rules, now)

    def run(tx: Connection, message: ChatMessageSent) -> None:
        if runs(tx, message):
            command.run(tx, [message])

    def run_batch(tx: Connection, messages: Sequence[ChatMessageSent]) -> None:
        if typed := [message for message in messages if runs(tx, message)]:
            command.run(tx, typed)

    name = f"{feature.name}!{command.names[0]}"
    return Handler(name, run, run_batch if command.in_batches else None, _typed_command)


def handle(
    tx: Connection,
    handlers: Handlers,
    events: Sequence[Event],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Run the handlers of these events. Batch handlers come first: each is called once for all
    events of its kind, and the others find in the transaction's cache what it has looked up.
    `check` is called before each handler, and may raise."""
    by_kind: dict[type[Event], list[Event]] = defaultdict(list)
    for event in events:
        by_kind[type(event)].append(event)
    for kind, same in by_kind.items():
        for handler in handlers.get(kind, ()):
            if handler.run_batch is not None and (theirs := list(filter(handler.concerns, same))):
                check()
                handler.run_batch(tx, theirs)
    alone = {
        kind: [handler for handler in handlers.get(kind, ()) if handler.run_batch is None]
        for kind in by_kind
    }
    for event in events:
        for handler in alone[type(event)]:
            if handler.concerns(event):
                check()
                handler.run(tx, event)
