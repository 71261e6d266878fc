"""When a channel is live. `started_at` identifies a stream of a channel (Kick gives the identical
instant in its webhook and in its list of livestreams)."""

from dataclasses import dataclass
from datetime import datetime

from core.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamWentLive(Event):
    """The platform says that a stream began. `at` equals `started_at`."""

    platform: str
    started_at: datetime
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded(Event):
    """The platform says that a stream is over. `at` is when it ended."""

    platform: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSeenLive(Event):
    """We looked at `at` and the stream was running."""

    platform: str
    started_at: datetime
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSeenOffline(Event):
    """We looked at `at` and the channel was not live."""

    platform: str
