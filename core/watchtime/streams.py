"""The statements that read streams, and who is there right now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Stream:
    """A channel's newest stream.

    Attributes:
        guild_id: the server it streams for.
        platform: where it runs.
        started_at: when it began; identifies it on its channel.
        seen_at: when the platform last said that it is live.
        ended_at: when the platform said that it ended; None when it has not told.
        is_live: it has not ended, and no later look found the channel offline.
    """

    guild_id: int
    platform: str
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    is_live: bool


_NEWEST_STREAMS = """
    SELECT DISTINCT ON (s.guild_id, s.platform)
           s.guild_id, s.platform, s.started_at, s.seen_at, s.ended_at,
           s.ended_at IS NULL AND s.seen_at > COALESCE(c.seen_offline_at, '-infinity') AS is_live
      FROM watchtime_streams s
      LEFT JOIN watchtime_channels c USING (guild_id, platform)
"""
_LIST_STREAMS = text(
    _NEWEST_STREAMS + "ORDER BY s.guild_id, s.platform, s.started_at DESC",
)
_LIST_STREAMS_OF = text(
    _NEWEST_STREAMS
    + "WHERE s.guild_id = :guild_id ORDER BY s.guild_id, s.platform, s.started_at DESC"
)


def list_newest_streams(tx: Connection, guild_id: int | None = None) -> list[Stream]:
    """The newest stream of every channel that has had one, of one server or of all."""
    if guild_id is None:
        found = tx.execute(_LIST_STREAMS)
    else:
        found = tx.execute(_LIST_STREAMS_OF, {"guild_id": guild_id})
    return [Stream(**row) for row in found.mappings()]


# Never more than has been credited: the stale part is left out, as it is in the total.
_GET_WATCHED_OF_STREAM = text("""
    SELECT COALESCE(sum(upper(part) - lower(part)), INTERVAL '0')
      FROM watchtime_streams s
      JOIN watchtime_days d
        ON d.guild_id = s.guild_id AND d.platform = s.platform AND d.viewer_id = :viewer_id
       AND d.day BETWEEN (s.started_at AT TIME ZONE 'UTC')::date
                     AND (s.until AT TIME ZONE 'UTC')::date,
           unnest(COALESCE(d.counted, d.present) * tstzmultirange(
                      tstzrange(s.started_at, COALESCE(s.stale_from, s.until)))) AS part
     WHERE s.guild_id = :guild_id AND s.platform = :platform AND s.started_at = :started_at
""")


def get_watched_of_stream(tx: Connection, stream: Stream, viewer_id: int) -> timedelta:
    """What of one stream the viewer has been credited."""
    watched: timedelta = tx.execute(
        _GET_WATCHED_OF_STREAM,
        {
            "guild_id": stream.guild_id,
            "viewer_id": viewer_id,
            "platform": stream.platform,
            "started_at": stream.started_at,
        },
    ).scalar_one()
    return watched


# Windows that touch at midnight lie in two rows and are one stretch of presence.
_FIND_PRESENT_UNTIL = text("""
    SELECT upper(stretch)
      FROM unnest((SELECT range_agg(present) FROM watchtime_days
                    WHERE guild_id = :guild_id AND viewer_id = :viewer_id
                      AND day BETWEEN (CAST(:now AS timestamptz) AT TIME ZONE 'UTC')::date
                                  AND (CAST(:now AS timestamptz) AT TIME ZONE 'UTC')::date + 1
                  )) AS stretch
     WHERE stretch @> CAST(:now AS timestamptz)
""")


def find_present_until(
    tx: Connection, guild_id: int, viewer_id: int, now: datetime
) -> datetime | None:
    """Until when the viewer counts as being there; None when that is not so now."""
    key = {"guild_id": guild_id, "viewer_id": viewer_id, "now": now}
    until: datetime | None = tx.execute(_FIND_PRESENT_UNTIL, key).scalar()
    return until


_FIND_SPOKE_AT = text("""
    SELECT spoke_at FROM watchtime_days
     WHERE guild_id = :guild_id AND viewer_id = :viewer_id ORDER BY day DESC LIMIT 1
""")


def find_spoke_at(tx: Connection, guild_id: int, viewer_id: int) -> datetime | None:
    """When the viewer last chatted."""
    key = {"guild_id": guild_id, "viewer_id": viewer_id}
    spoke_at: datetime | None = tx.execute(_FIND_SPOKE_AT, key).scalar()
    return spoke_at


_COUNT_PRESENT = text("""
    SELECT count(*) FROM watchtime_days
     WHERE guild_id = :guild_id AND platform = :platform
       AND day = (CAST(:now AS timestamptz) AT TIME ZONE 'UTC')::date
       AND present @> CAST(:now AS timestamptz)
""")


def count_present(tx: Connection, guild_id: int, platform: str, now: datetime) -> int:
    """How many viewers of a platform are there now."""
    key = {"guild_id": guild_id, "platform": platform, "now": now}
    return int(tx.execute(_COUNT_PRESENT, key).scalar_one())
