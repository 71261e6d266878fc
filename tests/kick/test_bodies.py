"""Bodies match the type they are sent under, both as documented and as odd as in production."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kick.bodies import (
    SHAPES,
    WEBHOOK_KINDS,
    ChatMessage,
    LivestreamPoll,
    StreamStarted,
    StreamStopped,
    parse,
)
from sandbox.kick.bodies import EVENT_TYPES
from tests.kick.rig import MIA, NORA, chat, person, status

CHAT, STATUS = "chat.message.sent", "livestream.status.updated"
KICKS_BODIES: dict[str, Any] = {CHAT: chat(), STATUS: status(True)}


def test_chat_message_is_parsed() -> None:
    badges = [{"text": "Subscriber", "type": "subscriber", "count": 3}, {"type": "vip"}]
    body = parse(
        CHAT,
        chat("Hi [emote:37226:KEKW]", sender=person(identity={"badges": badges}), message_id="m"),
    )
    assert isinstance(body, ChatMessage)
    assert (body.message_id, body.content) == ("m", "Hi [emote:37226:KEKW]")
    assert (body.broadcaster.user_id, body.sender.user_id) == (NORA, MIA)
    assert body.sender.badge_types() == ("subscriber", "vip")
    assert body.created_at == datetime(2026, 5, 1, 11, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "wild",
    [
        chat(sender=person(is_verified=None, profile_picture="")),
        chat(sender=person(identity=None)),
        chat(sender=person(identity={"username_color": "#fff", "badges": None})),
        chat(sender=person(identity={})),
        chat(sender=person(name="mAdCaTs", channel_slug="madcats")),
        chat(sender={"user_id": MIA, "username": "MadCats"}),
        chat(emotes=None),
        chat(emotes=[{"emote_id": "37226", "positions": [{"s": 3, "e": 20}]}]),
        chat(replies_to={"message_id": "x", "content": "y", "sender": person()}),
        chat(content=""),
        chat("😀" * 500),
        chat(created_at="2026-05-01T13:59:59.123456+02:00"),
        chat(broadcaster={"user_id": NORA}),
        chat() | {"something": {"new": [1, 2]}},
    ],
)
def test_real_chat_message_is_parsed(wild: dict[str, Any]) -> None:
    body = parse(CHAT, wild)
    assert isinstance(body, ChatMessage)
    assert body.sender.badge_types() == ()
    assert body.created_at.tzinfo is UTC
    assert body.created_at.replace(microsecond=0) == datetime(2026, 5, 1, 11, 59, 59, tzinfo=UTC)


def test_optional_fields_can_be_absent() -> None:
    bare = chat()
    del bare["emotes"], bare["replies_to"], bare["sender"]["identity"]
    assert isinstance(parse(CHAT, bare), ChatMessage)


@pytest.mark.parametrize(
    "broken",
    [
        chat(message_id=""),
        chat(message_id=None),
        chat(sender=None),
        chat(sender=person() | {"user_id": None}),
        chat(sender=person(user_id=0)),
        chat(sender=person(user_id=2**63)),
        chat(sender=person(name="")),
        chat(content=None),
        chat(created_at="yesterday"),
        chat(created_at="2026-05-01T11:59:59"),  # whose noon?
        chat(created_at="0001-01-01T00:00:00+23:59"),
        chat(broadcaster=None),
        chat(broadcaster={"user_id": -1}),
        {},
        [],
        None,
        "text",
        42,
    ],
)
def test_malformed_chat_message_is_rejected(broken: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's words
        parse(CHAT, broken)


def test_stream_start_and_end_are_distinguished() -> None:
    began, ended = parse(STATUS, status(True)), parse(STATUS, status(False))
    assert isinstance(began, StreamStarted)
    assert began.title == "Slots & chill"
    assert isinstance(ended, StreamStopped)
    assert ended.started_at == began.started_at
    assert ended.ended_at == datetime(2026, 5, 1, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (status(True, title=None), StreamStarted),
        (status(True, title=""), StreamStarted),
        (status(False, ended_at=None), StreamStopped),
        (status(False, title=None), StreamStopped),
    ],
)
def test_stream_without_title_or_end_is_parsed(body: dict[str, Any], shape: type) -> None:
    assert isinstance(parse(STATUS, body), shape)


@pytest.mark.parametrize(
    "broken",
    [
        status(True, started_at=None),
        status(True) | {"is_live": None},
        status(True) | {"is_live": "yes"},
        status(False, started_at="soon"),
        {"broadcaster": {"user_id": NORA}},
    ],
)
def test_malformed_status_is_rejected(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's words
        parse(STATUS, broken)


@pytest.mark.parametrize(("kind", "body"), [(CHAT, status(True)), (STATUS, chat())])
def test_body_of_another_type_is_rejected(kind: str, body: dict[str, Any]) -> None:
    """The type is in a header that Kick does not sign."""
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's words
        parse(kind, body)


def test_unknown_kind_raises_key_error() -> None:
    with pytest.raises(KeyError):
        parse("channel.raided", {})


def test_own_poll_is_parsed() -> None:
    body = parse(
        "poll.livestream",
        {"broadcaster": {"user_id": NORA}, "seen_at": "2026-05-01T12:00:00+00:00"},
    )
    assert isinstance(body, LivestreamPoll)
    assert (body.started_at, body.title) == (None, None)


def test_webhook_kinds_exclude_internal_kinds() -> None:
    assert set(WEBHOOK_KINDS) == set(EVENT_TYPES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(SHAPES)), JSON)
def test_invalid_body_raises_value_error(kind: str, body: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's words
        parse(kind, body)


@given(
    st.sampled_from([CHAT, STATUS]),
    st.sampled_from(["message_id", "sender", "content", "created_at", "is_live", "started_at"]),
    JSON,
)
def test_one_odd_field_is_parsed_or_raises_value_error(kind: str, field: str, value: Any) -> None:
    try:
        parse(kind, KICKS_BODIES[kind] | {field: value})
    except ValueError:
        return
