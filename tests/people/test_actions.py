"""Storing and finding viewers."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, event

from core.events import ChatMessageSent, Sender
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.people import actions, store
from core.people.lookup import find_by_name, find_person

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def line(
    guild_id: int, name: str, *, key: str = "m1", user_id: int = 7, platform: str = "kick"
) -> ChatMessageSent:
    return ChatMessageSent(
        key=key,
        guild_id=guild_id,
        at=NOON + timedelta(seconds=int(key[1:])),
        platform=platform,
        channel_id=1,
        message_id=key,
        sender=Sender(user_id=user_id, name=name),
        text="hello",
    )


def test_chat_sender_becomes_a_viewer(tx: Connection, guild_id: int) -> None:
    viewer_id = actions.get_or_create_sender(tx, line(guild_id, "MadCats"))
    found = find_by_name(tx, guild_id, "@madcats")
    assert found is not None
    assert found.viewer_id == viewer_id


def test_second_lookup_of_the_same_message_is_cached(tx: Connection, guild_id: int) -> None:
    said = line(guild_id, "MadCats")
    first = actions.get_or_create_sender(tx, said)
    statements: list[str] = []

    def count(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(tx, "before_cursor_execute", count)
    assert actions.get_or_create_sender(tx, said) == first
    assert statements == []
    actions.get_or_create_sender(tx, line(guild_id, "MadCats", key="m2"))
    assert statements != []


def test_platforms_can_share_a_message_id(tx: Connection, guild_id: int) -> None:
    on_kick = actions.get_or_create_sender(tx, line(guild_id, "MadCats"))
    on_twitch = actions.get_or_create_sender(tx, line(guild_id, "MadCats", platform="twitch"))
    assert store.get_viewer(tx, guild_id, on_kick).platform == "kick"
    assert store.get_viewer(tx, guild_id, on_twitch).platform == "twitch"


def test_same_message_in_two_servers_gives_a_viewer_in_each(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    ours = actions.get_or_create_sender(tx, line(guild_id, "MadCats"))
    theirs = actions.get_or_create_sender(tx, line(other_guild_id, "MadCats"))
    assert ours != theirs
    assert store.get_viewer(tx, other_guild_id, theirs).guild_id == other_guild_id


def test_unknown_name_is_rejected_with_help(tx: Connection, guild_id: int) -> None:
    with pytest.raises(Refusal) as declined:
        find_person(Work(tx, guild_id, now=NOON), " Nobody ")
    assert declined.value.what == "I haven't seen anyone called “Nobody” in chat."
    assert "Capitals don't matter" in declined.value.remedy


def test_viewer_of_another_server_is_unknown(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    actions.get_or_create_sender(tx, line(other_guild_id, "MadCats"))
    assert find_by_name(tx, guild_id, "MadCats") is None
