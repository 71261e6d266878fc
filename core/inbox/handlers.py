"""The handlers of each event, collected from all features."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from core.events import ChatMessageSent, Event
from core.kit.feature import ChatCommand, EventHandler, Feature


@dataclass(frozen=True, slots=True)
class Handler:
    """One feature's handler for one kind of event.

    Attributes:
        name: unique and permanent: retries are stored under it.
        run: called as `run(tx, event)`.
    """

    name: str
    run: EventHandler


Handlers = Mapping[type[Event], tuple[Handler, ...]]


def collect(features: Iterable[Feature]) -> Handlers:
    """Event class -> handlers, in the order of the features; chat commands handle
    `ChatMessageSent`."""
    table: dict[type[Event], list[Handler]] = {}
    for feature in features:
        for event, run in feature.handlers.items():
            table.setdefault(event, []).append(Handler(f"{feature.name}.{event.__name__}", run))
        for command in feature.chat_commands:
            name = f"{feature.name}!{command.names[0]}"
            table.setdefault(ChatMessageSent, []).append(Handler(name, _on_command(command)))
    return {event: tuple(handlers) for event, handlers in table.items()}


_COMMAND = re.compile(r"\s*!(?P<name>\w+)(?:\s+(?P<argument>.*))?", re.DOTALL)


def parse_command(text: str) -> tuple[str, str] | None:
    """`!Call  Book of Dead ` -> ("call", "Book of Dead"); None if the line is not a command."""
    match = _COMMAND.fullmatch(text)
    if match is None:
        return None
    return match["name"].lower(), (match["argument"] or "").strip()


def _on_command(command: ChatCommand) -> EventHandler:
    def on_chat_message_sent(tx: Connection, message: ChatMessageSent) -> None:
        typed = parse_command(message.text)
        if typed is None or message.sender.is_bot or not message.is_answered:
            return
        name, argument = typed
        if name in command.names:
            command.run(tx, message, argument)

    return on_chat_message_sent
