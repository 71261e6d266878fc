"""Who hears what, and what a typed command is."""

from typing import Any

import pytest
from sqlalchemy import Connection

from core.events import ChatMessageSent, Sender, StreamEnded, StreamWentLive, from_json, to_json
from core.features import load_features
from core.inbox.handlers import collect
from core.kit.feature import ChatCommand, Feature
from tests.conftest import GUILD
from tests.inbox.conftest import said


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("!call", ("call", "")),
        ("!Call  Book of Dead ", ("call", "Book of Dead")),
        ("  !CALL x", ("call", "x")),
        ("!call\tGonzo's   Quest", ("call", "Gonzo's   Quest")),
        ("!call a\nb", ("call", "a\nb")),
        ("!sr !call", ("sr", "!call")),
        ("!call @mods", ("call", "@mods")),
        ("!größe 5", ("größe", "5")),
        ("!call   ", ("call", "")),
        ("", ("", "")),
        ("!", ("", "")),
        ("! call", ("", "")),
        ("call", ("", "")),
        ("hey !call x", ("", "")),
        ("!!call", ("", "")),
        ("!call-me", ("", "")),
        ("wow!", ("", "")),
    ],
)
def test_a_command_is_a_word_after_an_exclamation_mark_at_the_start(
    text: str, parsed: tuple[str, str]
) -> None:
    message = said(GUILD, "1", text)
    for one in (message, from_json(ChatMessageSent, to_json(message))):
        assert isinstance(one, ChatMessageSent)
        assert (one.command, one.argument) == parsed


def nothing(_tx: Connection, _event: Any) -> None:
    """A handler."""


def test_features_hear_in_their_order_under_names_of_their_own() -> None:
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


def test_no_two_handlers_share_a_name() -> None:
    names = [h.name for handlers in collect(load_features()).values() for h in handlers]
    assert len(names) == len(set(names))


def test_no_two_chat_commands_share_a_word() -> None:
    words = [word for feature in load_features() for c in feature.chat_commands for word in c.names]
    assert len(words) == len(set(words))
    assert all(word == word.lower() for word in words)


class Called:
    def __init__(self) -> None:
        self.with_: list[str] = []

    def run(self, _tx: Connection, _message: Any, argument: str) -> None:
        self.with_.append(argument)


def heard(tx: Connection, message: ChatMessageSent) -> list[str]:
    called = Called()
    feature = Feature(
        "feature", chat_commands=(ChatCommand(("call", "sr"), called.run, "!call", "Help."),)
    )
    for handler in collect([feature])[ChatMessageSent]:
        handler.run(tx, message)
    return called.with_


def test_a_chat_command_hears_each_of_its_words_and_no_others(tx: Connection) -> None:
    assert heard(tx, said(GUILD, "1", "!call Book of Dead")) == ["Book of Dead"]
    assert heard(tx, said(GUILD, "1", "!SR Book of Dead")) == ["Book of Dead"]
    assert heard(tx, said(GUILD, "1", "!caller Book")) == []
    assert heard(tx, said(GUILD, "1", "call Book")) == []


def test_bots_our_own_included_are_not_obeyed(tx: Connection) -> None:
    bot = Sender(user_id=9, name="Regulars", is_bot=True)
    message = said(GUILD, "1", "!call x")
    from_bot = type(message)(**{**_fields(message), "sender": bot})
    assert heard(tx, from_bot) == []


def _fields(message: ChatMessageSent) -> dict[str, Any]:
    names = ("key", "guild_id", "at", "platform", "channel_id", "message_id", "sender", "text")
    return {name: getattr(message, name) for name in names}
