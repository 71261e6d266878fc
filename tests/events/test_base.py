"""Events are serialized and read back unchanged."""

import dataclasses
import inspect
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import core.events
from core.events import Event, Person, Sender, from_json, to_json

EVENTS: list[type[Event]] = [
    kind
    for name, kind in inspect.getmembers(core.events, inspect.isclass)
    if issubclass(kind, Event) and kind is not Event and not name.startswith("_")
]

ids = st.integers(0, 2**63 - 1)  # snowflakes do not fit into a JavaScript number
instants = st.datetimes(
    datetime(2000, 1, 1),
    datetime(2100, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
st.register_type_strategy(datetime, instants)
st.register_type_strategy(int, ids)
st.register_type_strategy(str, st.text(st.characters(exclude_categories=["Cs"])))
st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))
events = st.sampled_from(EVENTS).flatmap(st.from_type)


def test_every_event_class_is_registered() -> None:
    assert {kind.__name__ for kind in EVENTS} >= {"ChatMessageSent", "StreamWentLive"}


@given(event=events)
def test_event_survives_json_round_trip(event: Event) -> None:
    written = json.dumps(to_json(event))
    again = from_json(type(event), json.loads(written))
    assert again == event
    assert type(again) is type(event)
    assert again.at.utcoffset() is not None


@pytest.mark.parametrize("kind", EVENTS)
def test_events_are_immutable(kind: type[Event]) -> None:
    example = _example(kind)
    with pytest.raises(dataclasses.FrozenInstanceError):
        example.key = "another"  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        object.__setattr__(example, "mood", "good")


@pytest.mark.parametrize("kind", EVENTS)
def test_event_without_guild_is_rejected(kind: type[Event]) -> None:
    written = to_json(_example(kind))
    del written["guild_id"]
    with pytest.raises(ValidationError):
        from_json(kind, written)


@pytest.mark.parametrize("kind", EVENTS)
def test_unknown_event_fields_are_ignored(kind: type[Event]) -> None:
    example = _example(kind)
    assert from_json(kind, {**to_json(example), "from_the_future": 1}) == example


EXAMPLES: dict[type, Any] = {
    bool: True,
    int: 7,
    str: "x",
    Decimal: Decimal("0.10"),
    datetime: datetime(2026, 11, 21, 10, tzinfo=UTC),
    Person: Person(user_id=7, name="Mia"),
    Sender: Sender(user_id=7, name="Mia"),
}


def _example(kind: type[Event]) -> Event:
    types = get_type_hints(kind)
    given = [field.name for field in dataclasses.fields(kind) if field.init]
    return kind(**{name: _of(types[name]) for name in given})


def _of(hint: Any) -> Any:
    """A value of this type; of several possible types, the first."""
    if hint in EXAMPLES:
        return EXAMPLES[hint]
    first = get_args(hint)[0]
    if get_origin(hint) is Literal:
        return first
    return (first and _of(first),) if get_origin(hint) is tuple else _of(first)
