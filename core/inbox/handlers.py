"""The handlers of each event, collected from all features."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from core.events import ChatMessageSent, Event
from core.kit.feature import BatchHandler, ChatCommand, EventHandler, Feature


@dataclass(frozen=True, slots=True)
class Handler:
    """One feature's handler for one kind of event.

    Attributes:
        name: unique and permanent: retries are stored under it.
        run: called as `run(tx, event)`.
        run_batch: called as `run_batch(tx, events)` where a whole batch goes well.
    """

    name: str
    run: EventHandler
    run_batch: "BatchHandler | None" = None


Handlers = Mapping[type[Event], tuple[Handler, ...]]


def collect(features: Iterable[Feature]) -> Handlers:
    """Event class -> handlers, in the order of the features; chat commands handle
    `ChatMessageSent`."""
    table: dict[type[Event], list[Handler]] = {}
    for feature in features:
        for event, run_batch in feature.batch_handlers.items():
            table.setdefault(event, []).append(_batch_handler(feature, event, run_batch))
        for event, run in feature.handlers.items():
            table.setdefault(event, []).append(Handler(f"{feature.name}.{event.__name__}", run))
        for command in feature.chat_commands:
            name = f"{feature.name}!{command.names[0]}"
            table.setdefault(ChatMessageSent, []).append(Handler(name, _on_command(command)))
    return {event: tuple(handlers) for event, handlers in table.items()}


def _batch_handler(feature: Feature, event: type[Event], run_batch: BatchHandler) -> Handler:
    name = f"{feature.name}.{event.__name__}"
    return Handler(name, lambda tx, event: run_batch(tx, [event]), run_batch)


def handle(tx: Connection, handlers: Handlers, events: Sequence[Event]) -> None:
    """Run the handlers of these events. Batch handlers come first: each is called once for all
    events of its kind, and the others find in the transaction's cache what it has looked up."""
    for kind in dict.fromkeys(map(type, events)):
        same = [event for event in events if type(event) is kind]
        for handler in handlers.get(kind, ()):
            if handler.run_batch is not None:
                handler.run_batch(tx, same)
    for event in events:
        for handler in handlers.get(type(event), ()):
            if handler.run_batch is None:
                handler.run(tx, event)


def _on_command(command: ChatCommand) -> EventHandler:
    def on_chat_message_sent(tx: Connection, message: ChatMessageSent) -> None:
        if message.command in command.names and message.is_answered and not message.sender.is_bot:
            command.run(tx, message, message.argument)

    return on_chat_message_sent
