"""Translating a delivery into events: one for each server that follows the channel."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, event

from core.events import (
    ChatMessageSent,
    Event,
    StreamEnded,
    StreamSeenLive,
    StreamSeenOffline,
    StreamWentLive,
)
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox.store import Delivery
from core.kick.accounts.store import set_bot
from core.kick.events import events_of
from tests.kick.rig import MIA, NOON, NORA, VERA, chat, person, status

CHAT, STATUS, LOOK = "chat.message.sent", "livestream.status.updated", "poll.livestream"
STARTED = datetime(2026, 5, 1, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def followed(tx: Connection, guild_id: int) -> None:
    guilds.set_channel(tx, Channel(guild_id, "kick", NORA, "noraplays"))


def told(tx: Connection, body: dict[str, Any], kind: str = CHAT) -> list[Event]:
    return events_of(tx, Delivery("kick.webhook", "d", kind, f"kick:{NORA}", body, NOON))


def said(tx: Connection, **differs: Any) -> ChatMessageSent:
    (message,) = told(tx, chat(**differs))
    assert isinstance(message, ChatMessageSent)
    return message


def look(**differs: Any) -> dict[str, Any]:
    return {
        "broadcaster": {"user_id": NORA},
        "seen_at": NOON.isoformat(),
        "started_at": STARTED.isoformat(),
        "title": "Slots",
    } | differs


@pytest.mark.parametrize(
    ("content", "argument"),
    [
        ("!call Starburst [emote:37226:KEKW]", "Starburst"),
        ("!call[emote:1:x] [emote:2:a_b] Starburst", "Starburst"),
        ("[emote:1:x]!call Star [emoji:cool]burst", "Star burst"),
        ("!call [emote:1:Starburst]", ""),
        ("!call [emote:x] Starburst", "[emote:x] Starburst"),
    ],
)
def test_emotes_are_no_part_of_a_command(tx: Connection, content: str, argument: str) -> None:
    message = said(tx, text=content)
    assert (message.command, message.argument) == ("call", argument)


def test_chat_message_is_translated(tx: Connection, guild_id: int) -> None:
    message = said(tx, text="!call x", message_id="m1")
    assert message.key == message.message_id == "m1"
    assert (message.guild_id, message.platform, message.channel_id) == (guild_id, "kick", NORA)
    assert (message.text, message.at) == ("!call x", datetime(2026, 5, 1, 11, 59, 59, tzinfo=UTC))
    assert (message.sender.user_id, message.sender.name) == (MIA, "MadCats")
    assert (message.sender.is_broadcaster, message.sender.is_bot) == (False, False)


def test_current_badges_are_included(tx: Connection) -> None:
    badges = [{"type": "moderator"}, {"type": "subscriber", "count": 3}]
    assert said(tx, sender=person(identity={"badges": badges})).sender.badges == (
        "moderator",
        "subscriber",
    )
    assert said(tx, sender=person(identity=None)).sender.badges == ()


def test_name_keeps_its_case(tx: Connection) -> None:
    assert said(tx, sender=person(name="mAdCaTs")).sender.name == "mAdCaTs"


def test_broadcaster_is_identified_by_id(tx: Connection) -> None:
    assert said(tx, sender=person(NORA, "NoraPlays")).sender.is_broadcaster
    # A badge can be worn in any channel; the name can be anybody's.
    pretender = person(MIA, "NoraPlays", identity={"badges": [{"type": "broadcaster"}]})
    assert not said(tx, sender=pretender).sender.is_broadcaster


def test_own_account_and_marked_bots_are_bots(tx: Connection) -> None:
    set_bot(tx, 77, "RegularsBot")
    assert said(tx, sender=person(77, "RegularsBot")).sender.is_bot
    assert said(tx, sender=person(identity={"badges": [{"type": "bot"}]})).sender.is_bot
    assert not said(tx, sender=person(78, "RegularsBot")).sender.is_bot


def test_stream_is_identified_by_its_start(tx: Connection, guild_id: int) -> None:
    (began,) = told(tx, status(True), STATUS)
    assert began == StreamWentLive(
        key=STARTED.isoformat(),
        guild_id=guild_id,
        at=STARTED,
        platform="kick",
        started_at=STARTED,
        title="Slots & chill",
    )


def test_stream_without_title_has_an_empty_title(tx: Connection) -> None:
    (began,) = told(tx, status(True, title=None), STATUS)
    assert isinstance(began, StreamWentLive)
    assert began.title == ""


def test_stream_end_uses_kicks_time(tx: Connection, guild_id: int) -> None:
    (ended,) = told(tx, status(False), STATUS)
    assert ended == StreamEnded(
        key=STARTED.isoformat(),
        guild_id=guild_id,
        at=datetime(2026, 5, 1, 11, 30, tzinfo=UTC),
        platform="kick",
        started_at=STARTED,
    )


def test_end_without_time_uses_the_delivery_time(tx: Connection) -> None:
    (ended,) = told(tx, status(False, ended_at=None), STATUS)
    assert ended.at == NOON


def test_same_start_with_another_offset_has_the_same_key(tx: Connection) -> None:
    keys = {
        told(tx, status(True, started_at=text), STATUS)[0].key
        for text in ("2026-05-01T10:00:00Z", "2026-05-01T12:00:00+02:00")
    }
    assert len(keys) == 1


def test_polls_become_seen_events(tx: Connection, guild_id: int) -> None:
    (live,) = told(tx, look(), LOOK)
    assert live == StreamSeenLive(
        key=NOON.isoformat(),
        guild_id=guild_id,
        at=NOON,
        platform="kick",
        started_at=STARTED,
        title="Slots",
    )
    (offline,) = told(tx, look(started_at=None, title=None), LOOK)
    assert offline == StreamSeenOffline(
        key=NOON.isoformat(), guild_id=guild_id, at=NOON, platform="kick"
    )


@pytest.mark.parametrize(
    ("kind", "body"), [(CHAT, chat()), (STATUS, status(True)), (STATUS, status(False))]
)
def test_two_servers_of_one_channel_get_one_event_each(
    tx: Connection, guild_id: int, other_guild_id: int, kind: str, body: dict[str, Any]
) -> None:
    guilds.set_channel(tx, Channel(other_guild_id, "kick", NORA, "noraplays"))
    ours, theirs = told(tx, body, kind)
    assert (ours.guild_id, theirs.guild_id) == (guild_id, other_guild_id)
    assert (ours.key, ours.at) == (theirs.key, theirs.at)


def test_server_of_another_channel_gets_no_event(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    guilds.set_channel(tx, Channel(other_guild_id, "kick", VERA, "veraspins"))
    assert [one.guild_id for one in told(tx, chat())] == [guild_id]
    assert [one.guild_id for one in told(tx, chat(channel=VERA))] == [other_guild_id]


def test_unfollowed_channel_gives_no_event(tx: Connection) -> None:
    assert told(tx, chat(channel=4242)) == []


def test_same_id_on_another_platform_is_another_channel(
    tx: Connection, other_guild_id: int
) -> None:
    guilds.set_channel(tx, Channel(other_guild_id, "twitch", VERA, "vera"))
    assert told(tx, chat(channel=VERA)) == []


@pytest.mark.parametrize(("kind", "body"), [(CHAT, status(True)), (STATUS, chat()), (CHAT, {})])
def test_body_of_another_kind_raises_value_error(
    tx: Connection, kind: str, body: dict[str, Any]
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's words
        told(tx, body, kind)


def test_batch_queries_followers_once(tx: Connection) -> None:
    told(tx, chat())
    statements: list[str] = []

    def count(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(tx, "before_cursor_execute", count)
    for _ in range(5):
        told(tx, chat())
    assert statements == []
