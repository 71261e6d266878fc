"""Which handlers an event has, collected from all features."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from core.events import ChatMessageSent, Event
from core.kit.feature import ChatCommand, Feature, Hearer


@dataclass(frozen=True, slots=True)
class Hearing:
    """One feature's handler for one kind of event.

    Attributes:
        name: unique and lasting, because retries are stored under it.
        run: called as `run(tx, event)`.
    """

    name: str
    run: Hearer


Hearings = Mapping[type[Event], tuple[Hearing, ...]]


def collect(features: Iterable[Feature]) -> Hearings:
    """Event class -> hearings, in the features' order; chat commands hear `ChatMessageSent`."""
    table: dict[type[Event], list[Hearing]] = {}
    for feature in features:
        for event, hearer in feature.hears.items():
            table.setdefault(event, []).append(Hearing(f"{feature.name}.{event.__name__}", hearer))
        for command in feature.chat_commands:
            name = f"{feature.name}!{command.names[0]}"
            table.setdefault(ChatMessageSent, []).append(Hearing(name, _on_command(command)))
    return {event: tuple(hearings) for event, hearings in table.items()}


_COMMAND = re.compile(r"\s*!(?P<name>\w+)(?:\s+(?P<argument>.*))?", re.DOTALL)


def parse_command(text: str) -> tuple[str, str] | None:
    """`!Call  Book of Dead ` -> ("call", "Book of Dead"); None for a line that is no command."""
    match = _COMMAND.fullmatch(text)
    if match is None:
        return None
    return match["name"].lower(), (match["argument"] or "").strip()


def _on_command(command: ChatCommand) -> Hearer:
    def on_chat_message_sent(tx: Connection, message: ChatMessageSent) -> None:
        typed = parse_command(message.text)
        if typed is None or message.sender.is_bot or not message.is_answered:
            return
        name, argument = typed
        if name in command.names:
            command.run(tx, message, argument)

    return on_chat_message_sent
