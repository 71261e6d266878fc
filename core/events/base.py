"""What all events share, and how they are written down and read back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        key: natural key from the body; unique per guild and event class.
        guild_id: the Discord server it belongs to.
        at: when it happened, by the sender's clock, in UTC.
    """

    key: str
    guild_id: int
    at: datetime


def to_json(event: Event) -> dict[str, Any]:
    """A JSON object from which `from_json` makes an equal event."""
    dumped: dict[str, Any] = _adapter(type(event)).dump_python(event, mode="json")
    return dumped


def from_json(kind: type[Event], data: dict[str, Any]) -> Event:
    """The event again.

    Raises:
        pydantic.ValidationError: the data is not of this kind.
    """
    event: Event = _adapter(kind).validate_python(data)
    return event


_ADAPTERS: dict[type[Event], TypeAdapter[Any]] = {}


def _adapter(kind: type[Event]) -> TypeAdapter[Any]:
    """Made once for each kind: making one takes milliseconds, using it microseconds."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
