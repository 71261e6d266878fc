"""The slow, obvious model of watchtime, and a way to tell the same story to the real one.

The model knows nothing of days, ranges or databases. It cuts time at every instant that occurs and
asks of each piece: did this viewer write within the window before it, and was a stream running?
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

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
from core.people import store as people
from core.watchtime.room import ROOM

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


def tell(tx: Connection, *events: Event) -> None:
    """Let the room hear the events, in this order."""
    for event in events:
        ROOM.hears[type(event)](tx, event)


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
    found = people.find_by_name(tx, guild_id, f"viewer{viewer}")
    assert found is not None
    return found.viewer_id


def expected(events: Iterable[Event], window: timedelta) -> dict[int, timedelta]:
    """The same, from the model."""
    told = list(events)
    messages = [e for e in told if isinstance(e, ChatMessageSent)]
    live = _live(told)
    cuts = sorted(
        {e.at for e in messages}
        | {e.at + window for e in messages}
        | {instant for stream in live for instant in stream}
    )
    result: dict[int, timedelta] = {}
    for viewer in {e.sender.user_id for e in messages}:
        written = [e.at for e in messages if e.sender.user_id == viewer]
        time = sum(
            (
                end - start
                for start, end in pairwise(cuts)
                if any(w <= start < w + window for w in written)
                and any(begin <= start < until for begin, until in live)
            ),
            timedelta(),
        )
        if time:
            result[viewer] = time
    return result


def _live(told: Sequence[Event]) -> list[tuple[datetime, datetime]]:
    streams = {
        e.started_at for e in told if isinstance(e, StreamWentLive | StreamEnded | StreamSeenLive)
    }
    return [(start, _until(told, start)) for start in streams]


def _until(told: Sequence[Event], start: datetime) -> datetime:
    ends = [e.at for e in told if isinstance(e, StreamEnded) and e.started_at == start]
    looks = [e.at for e in told if isinstance(e, StreamSeenLive) and e.started_at == start]
    return max(ends or [start, *looks])
