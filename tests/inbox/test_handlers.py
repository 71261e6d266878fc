"""Which handlers get which events, and parsing of typed commands."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from core.events import ChatMessageSent, Sender, StreamEnded, StreamWentLive, from_json, to_json
from core.features import load_features
from core.guilds.chat_commands import change_command, parse_names, rules_of
from core.inbox.handlers import collect, handle
from core.kit.feature import ChatCommand, ChatRules, Feature
from tests.acting import act
from tests.conftest import GUILD
from tests.inbox.conftest import said


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("!call", ("call", "")),
        ("!Call  Book of Dead ", ("call", "Book of Dead")),
        ("  !CALL x", ("call", "x")),
        ("!call\tGonzo's   Quest", ("call", "Gonzo's Quest")),
        ("!call a\nb", ("call", "a b")),
        ("!sr !call", ("sr", "!call")),
        ("!call @mods", ("call", "@mods")),
        ("!größe 5", ("grösse", "5")),
        ("!GRÖSSE 5", ("grösse", "5")),
        ("!call   ", ("call", "")),
        ("", ("", "")),
        ("!", ("", "")),
        ("! call", ("call", "")),
        ("call", ("", "")),
        ("hey !call x", ("", "")),
        ("!!call", ("", "")),
        ("!call-me", ("", "")),
        ("!  call-me", ("", "")),
        ("wow!", ("", "")),
    ],
)
def test_command_is_a_word_after_a_leading_exclamation_mark(
    text: str, parsed: tuple[str, str]
) -> None:
    message = said(GUILD, "1", text)
    for copy in (message, from_json(ChatMessageSent, to_json(message))):
        assert isinstance(copy, ChatMessageSent)
        assert (copy.command, copy.argument) == parsed


def nothing(_tx: Connection, _event: Any) -> None:
    """A handler."""


def test_features_receive_events_in_order_under_unique_names() -> None:
    features = [
        Feature("one", handlers={StreamEnded: nothing, StreamWentLive: nothing}),
        Feature("two", handlers={StreamEnded: nothing}),
    ]
    table = collect(features)
    assert [handler.name for handler in table[StreamEnded]] == [
        "one.StreamEnded",
        "two.StreamEnded",
    ]
    assert [handler.name for handler in table[StreamWentLive]] == ["one.StreamWentLive"]


def test_handler_names_are_unique() -> None:
    names = [h.name for handlers in collect(load_features()).values() for h in handlers]
    assert len(names) == len(set(names))


def test_chat_command_names_are_unique() -> None:
    words = [word for feature in load_features() for c in feature.chat_commands for word in c.names]
    assert len(words) == len(set(words))
    assert all(word == word.lower() for word in words)


class Called:
    def __init__(self) -> None:
        self.with_: list[str] = []

    def run(self, _tx: Connection, messages: Sequence[ChatMessageSent]) -> None:
        self.with_ += [message.argument for message in messages]


def heard(tx: Connection, message: ChatMessageSent) -> list[str]:
    called = Called()
    feature = Feature(
        "feature", chat_commands=(ChatCommand(("call", "sr"), called.run, "!call", "Help."),)
    )
    for handler in collect([feature])[ChatMessageSent]:
        handler.run(tx, message)
    return called.with_


def test_chat_command_matches_only_its_names(tx: Connection) -> None:
    assert heard(tx, said(GUILD, "1", "!call Book of Dead")) == ["Book of Dead"]
    assert heard(tx, said(GUILD, "1", "!SR Book of Dead")) == ["Book of Dead"]
    assert heard(tx, said(GUILD, "1", "!caller Book")) == []
    assert heard(tx, said(GUILD, "1", "call Book")) == []


@pytest.mark.parametrize("typed", ["Größe", "größe", "GRÖSSE", "gro\u0308sse", "GRÖẞE", "ＧＲÖSSE"])
def test_name_that_an_admin_chose_matches_in_any_case(
    tx: Connection, guild_id: int, typed: str
) -> None:
    called = Called()
    command = ChatCommand(("call",), called.run, "!call", "Help.")
    feature = Feature("feature", chat_commands=(command,), chat_rules=rules_of)
    renamed = ChatRules(parse_names("!Größe, ПРИВЕТ"))
    act(tx, guild_id, change_command, [command], command, renamed)
    for number, text in enumerate((f"!{typed} 5", "!привет 6", "!call 7")):
        handle(tx, collect([feature]), [said(guild_id, str(number), text)])
    assert called.with_ == ["5", "6"]


def test_batch_reaches_each_handler_with_what_concerns_it(tx: Connection) -> None:
    heard: list[str] = []
    asked: list[str] = []

    def rules_of(_tx: Connection, _guild_id: int, command: ChatCommand) -> ChatRules:
        asked.append(command.names[0])
        return ChatRules(command.names)

    def note(name: str) -> Any:
        return lambda _tx, lines: heard.append(f"{name}: {' '.join(line.key for line in lines)}")

    def note_one(_tx: Connection, line: ChatMessageSent) -> None:
        heard.append(f"one: {line.key}")

    commands = (
        ChatCommand(("call",), note("call"), "!call", "Help."),
        ChatCommand(("join",), note("join"), "!join", "Help.", in_batches=True),
    )
    feature = Feature(
        "feature",
        batch_handlers={ChatMessageSent: note("all")},
        handlers={ChatMessageSent: note_one},
        chat_commands=commands,
        chat_rules=rules_of,
    )
    texts = ["!join", "hello", "!call x", "!join 5", "! join"]
    lines = [said(GUILD, str(number), text) for number, text in enumerate(texts)]
    handle(tx, collect([feature]), lines)
    ones = ["one: 0", "one: 1", "one: 2", "call: 2", "one: 3", "one: 4"]
    assert heard == ["all: 0 1 2 3 4", "join: 0 3 4", *ones]
    heard.clear()
    asked.clear()
    handle(tx, collect([feature]), lines[1:2])
    assert heard == ["all: 1", "one: 1"]
    assert not asked, "a line that is no command costs commands nothing"


def test_bots_cannot_run_commands(tx: Connection) -> None:
    bot = Sender(user_id=9, name="Regulars", is_bot=True)
    message = said(GUILD, "1", "!call x")
    from_bot = type(message)(**{**_fields(message), "sender": bot})
    assert heard(tx, from_bot) == []


def _fields(message: ChatMessageSent) -> dict[str, Any]:
    names = ("key", "guild_id", "at", "platform", "channel_id", "message_id", "sender", "text")
    return {name: getattr(message, name) for name in names}
