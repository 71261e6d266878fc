"""The slow, obvious model of watchtime, and a way to tell the same story to the real one.

The model knows nothing of days, ranges or databases. It cuts time at every instant that occurs and
asks of each piece: did this viewer write within the window before it, and was a stream running?
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, text

from core.events import (
    ChatMessageSent,
    Event,
    Sender,
    StreamEnded,
    StreamSeenLive,
    StreamSeenOffline,
    StreamWentLive,
)
from core.inbox.handlers import collect, handle
from core.kit.database.connection import cache_of
from core.kit.database.work import Work, run_in_guild
from core.people.exclusions import actions as exclusions
from core.people.lookup import find_by_name
from core.watchtime.feature import FEATURE
from core.watchtime.rules import Limit
from core.watchtime.store import STILL_LIVE

P = ParamSpec("P")
R = TypeVar("R")

ADMIN = 900

EVENING = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
"""Two hours before a midnight."""


def at(minutes: float, microseconds: int = 0) -> datetime:
    return EVENING + timedelta(minutes=minutes, microseconds=microseconds)


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes the events of one server."""

    guild_id: int
    platform: str = "kick"

    def says(self, viewer: int, when: datetime, **sender: object) -> ChatMessageSent:
        """The viewer writes something."""
        given = {"user_id": viewer, "name": f"viewer{viewer}", **sender}
        return ChatMessageSent(
            key=f"{viewer}@{when.isoformat()}",
            guild_id=self.guild_id,
            at=when,
            platform=self.platform,
            channel_id=1,
            message_id=f"{viewer}@{when.isoformat()}",
            sender=Sender(**given),  # type: ignore[arg-type]
            text="hello",
        )

    def went_live(self, when: datetime) -> StreamWentLive:
        return StreamWentLive(
            key=when.isoformat(),
            guild_id=self.guild_id,
            at=when,
            platform=self.platform,
            started_at=when,
        )

    def ended(self, started_at: datetime, when: datetime) -> StreamEnded:
        return StreamEnded(
            key=started_at.isoformat(),
            guild_id=self.guild_id,
            at=when,
            platform=self.platform,
            started_at=started_at,
        )

    def seen_live(self, started_at: datetime, when: datetime) -> StreamSeenLive:
        return StreamSeenLive(
            key=when.isoformat(),
            guild_id=self.guild_id,
            at=when,
            platform=self.platform,
            started_at=started_at,
        )

    def seen_offline(self, when: datetime) -> StreamSeenOffline:
        return StreamSeenOffline(
            key=when.isoformat(), guild_id=self.guild_id, at=when, platform=self.platform
        )


HANDLERS = collect([FEATURE])


def tell(tx: Connection, *events: Event) -> None:
    """Let the feature handle the events, in this order, as one batch."""
    handle(tx, HANDLERS, events)


def watched(tx: Connection, guild_id: int) -> dict[int, timedelta]:
    """Platform user id -> what is credited; without those who have nothing."""
    found = tx.execute(
        text("""
            SELECT v.platform_user_id, sum(d.watched) FROM watchtime_days d
              JOIN people_viewers v USING (guild_id, viewer_id)
             WHERE guild_id = :guild_id GROUP BY 1 HAVING sum(d.watched) > INTERVAL '0'
        """),
        {"guild_id": guild_id},
    )
    return {row[0]: row[1] for row in found}


def viewer_id(tx: Connection, guild_id: int, viewer: int) -> int:
    """Our id of a viewer that has written."""
    found = find_by_name(tx, guild_id, f"viewer{viewer}")
    assert found is not None
    return found.viewer_id


Piece = tuple[datetime, datetime]


def expected(events: Iterable[Event], window: timedelta) -> dict[int, timedelta]:
    """The same, from the model."""
    return {
        viewer: time
        for viewer, pieces in counted(events, window).items()
        if (time := length(pieces))
    }


def length(pieces: Iterable[Piece]) -> timedelta:
    return sum((end - start for start, end in pieces), timedelta())


def within(pieces: Iterable[Piece], starts_at: datetime, ends_at: datetime) -> timedelta:
    """What of the pieces lies in [starts_at, ends_at)."""
    cut = ((max(start, starts_at), min(end, ends_at)) for start, end in pieces)
    return length((start, end) for start, end in cut if start < end)


def counted(
    events: Iterable[Event], window: timedelta, limits: Sequence[Limit] = ()
) -> dict[int, list[Piece]]:
    """Platform user id -> the time that counts, in order."""
    told = list(events)
    messages = [e for e in told if isinstance(e, ChatMessageSent)]
    live = _live(told)
    instants = {e.at for e in messages} | {instant for stream in live for instant in stream}
    instants |= {e.at + window for e in messages} | {limit.applies_from for limit in limits}
    instants |= {m for one in limits for m in _midnights(instants, one.zone)}
    result: dict[int, list[Piece]] = {}
    for viewer in {e.sender.user_id for e in messages}:
        written = [e.at for e in messages if e.sender.user_id == viewer]
        pieces = [
            (start, end)
            for start, end in pairwise(sorted(instants))
            if any(w <= start < w + window for w in written)
            and any(begin <= start < until for begin, until in live)
        ]
        result[viewer] = _first_of_each_day(pieces, limits)
    return result


def _midnights(instants: Iterable[datetime], zone: tzinfo) -> set[datetime]:
    """Found by looking at the clock every minute, instead of asking when midnight is."""
    first, last = min(instants, default=EVENING), max(instants, default=EVENING)
    minute = first.replace(second=0, microsecond=0)
    found, day = set(), minute.astimezone(zone).date()
    while minute < last:
        minute += timedelta(minutes=1)
        if (today := minute.astimezone(zone).date()) != day:
            found.add(minute)
            day = today
    return found


def _first_of_each_day(pieces: Iterable[Piece], limits: Sequence[Limit]) -> list[Piece]:
    left: dict[object, timedelta] = {}
    kept: list[Piece] = []
    for start, end in pieces:
        limit = next((one for one in reversed(limits) if one.applies_from <= start), None)
        if limit is None or limit.maximum is None:
            kept.append((start, end))
            continue
        day = (limit.applies_from, start.astimezone(limit.zone).date())
        until = min(end, start + left.get(day, limit.maximum))
        left[day] = left.get(day, limit.maximum) - (until - start)
        if start < until:
            kept.append((start, until))
    return kept


def _live(told: Sequence[Event]) -> list[tuple[datetime, datetime]]:
    streams = {
        e.started_at for e in told if isinstance(e, StreamWentLive | StreamEnded | StreamSeenLive)
    }
    return [(start, _until(told, start)) for start in streams]


def _until(told: Sequence[Event], start: datetime) -> datetime:
    ends = [e.at for e in told if isinstance(e, StreamEnded) and e.started_at == start]
    looks = [e.at for e in told if isinstance(e, StreamSeenLive) and e.started_at == start]
    if ends and max(looks, default=start) <= max(ends) + STILL_LIVE:
        return max(ends)
    return max([start, *looks])


def do(
    tx: Connection,
    guild_id: int,
    action: Callable[Concatenate[Work, P], R],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """An admin does this, in its own transaction."""
    cache_of(tx).clear()
    return run_in_guild(tx, guild_id, ADMIN, at(60), action, *args, **kwargs)


def exclude(tx: Connection, guild_id: int, who: str, now: datetime | None = None) -> str:
    """As `/watchexclude add`, in its own transaction."""
    cache_of(tx).clear()
    return run_in_guild(tx, guild_id, ADMIN, now or at(20), exclusions.exclude, who, "watchtime")


def include(tx: Connection, guild_id: int, who: str) -> str:
    """As `/watchexclude remove`."""
    return do(tx, guild_id, exclusions.include, who, "watchtime")
