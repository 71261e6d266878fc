"""Streams, who is present right now, and a viewer's watchtime per stream."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, text

from core.kit.database.work import ACROSS_GUILDS
from core.kit.text.calendar import Stretch
from core.people.records import Viewer
from core.people.store import list_persons


@dataclass(frozen=True, slots=True)
class Stream:
    """A channel's newest stream.

    Attributes:
        guild_id: the server it streams for.
        platform: the platform it runs on.
        started_at: start time; identifies it on its channel.
        seen_at: when the platform last reported it as live.
        ended_at: when the platform reported its end.
        is_live: it has not ended, and no later check found the channel offline.
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
      FROM watchtime_streams AS s
      LEFT JOIN watchtime_offline_checks AS c
        ON c.guild_id = s.guild_id AND c.platform = s.platform
"""
_LIST_STREAMS = text(
    _NEWEST_STREAMS + "ORDER BY s.guild_id, s.platform, s.started_at DESC"
).execution_options(**ACROSS_GUILDS)
_LIST_STREAMS_OF = text(
    _NEWEST_STREAMS
    + "WHERE s.guild_id = :guild_id ORDER BY s.guild_id, s.platform, s.started_at DESC"
)


def list_newest_streams(tx: Connection, guild_id: int | None = None) -> list[Stream]:
    """The newest stream of every channel, of one server or of all."""
    if guild_id is None:
        found = tx.execute(_LIST_STREAMS)
    else:
        found = tx.execute(_LIST_STREAMS_OF, {"guild_id": guild_id})
    return [Stream(**row) for row in found.mappings()]


# Never more than was credited: the stale part is left out, as in the total.
_GET_WATCHED_OF_STREAM = text("""
    SELECT COALESCE(sum(upper(part) - lower(part)), INTERVAL '0')
      FROM watchtime_streams AS s
      JOIN watchtime_days AS d
        ON d.guild_id = s.guild_id AND d.platform = s.platform AND d.viewer_id = ANY(:viewer_ids)
       AND d.day BETWEEN (s.started_at AT TIME ZONE 'UTC')::date
                     AND (s.until AT TIME ZONE 'UTC')::date,
           unnest(COALESCE(d.counted, d.present) * tstzmultirange(
                      tstzrange(s.started_at, COALESCE(s.stale_from, s.until)))) AS part
     WHERE s.guild_id = :guild_id AND s.platform = :platform AND s.started_at = :started_at
""")


_LIST_LAST_STREAMS = text("""
    SELECT started_at, max(until) AS until FROM watchtime_streams AS s
     WHERE s.guild_id = :guild_id AND until > started_at
     GROUP BY started_at ORDER BY started_at DESC LIMIT :limit
""")


def list_last_streams(tx: Connection, guild_id: int, limit: int) -> list[Stretch]:
    """The times of streams, newest first."""
    found = tx.execute(_LIST_LAST_STREAMS, {"guild_id": guild_id, "limit": limit})
    return [Stretch(row.started_at, row.until) for row in found]


def get_watched_of_stream(
    tx: Connection, stream: Stream | None, viewer_ids: Sequence[int]
) -> timedelta:
    """The credited watchtime of these accounts in one stream."""
    if stream is None:
        return timedelta()
    key = {"viewer_ids": list(viewer_ids), **asdict(stream)}
    watched: timedelta = tx.execute(_GET_WATCHED_OF_STREAM, key).scalar_one()
    return watched


# Presence across midnight is stored in two rows and is one time range.
_FIND_PRESENT_UNTIL = text("""
    SELECT upper(stretch)
      FROM unnest((SELECT range_agg(present) FROM watchtime_days AS d
                    WHERE d.guild_id = :guild_id AND viewer_id = ANY(:viewer_ids)
                      AND platform = ANY(:platforms)
                      AND day BETWEEN (CAST(:now AS timestamptz) AT TIME ZONE 'UTC')::date
                                  AND (CAST(:now AS timestamptz) AT TIME ZONE 'UTC')::date + 1
                  )) AS stretch
     WHERE stretch @> CAST(:now AS timestamptz)
""")


def find_present_until(
    tx: Connection,
    guild_id: int,
    viewer_ids: Sequence[int],
    platforms: Sequence[str],
    now: datetime,
) -> datetime | None:
    """Until when one of these accounts counts as present on one of the platforms; None if none
    is."""
    key = {
        "guild_id": guild_id,
        "viewer_ids": list(viewer_ids),
        "platforms": list(platforms),
        "now": now,
    }
    until: datetime | None = tx.execute(_FIND_PRESENT_UNTIL, key).scalar()
    return until


_FIND_SPOKE_AT = text("""
    SELECT max(spoke_at) FROM watchtime_days AS d
     WHERE d.guild_id = :guild_id AND viewer_id = ANY(:viewer_ids)
""")


def find_spoke_at(tx: Connection, guild_id: int, viewer_ids: Sequence[int]) -> datetime | None:
    """When one of these accounts last sent a chat message."""
    key = {"guild_id": guild_id, "viewer_ids": list(viewer_ids)}
    spoke_at: datetime | None = tx.execute(_FIND_SPOKE_AT, key).scalar()
    return spoke_at


_COUNT_PRESENT = text("""
    SELECT count(DISTINCT COALESCE(v.represented_by, d.viewer_id))
      FROM watchtime_days AS d
      LEFT JOIN (SELECT viewer_id, represented_by FROM people_viewers AS v
                  WHERE v.guild_id = :guild_id AND v.represented_by IS NOT NULL) AS v
        ON v.viewer_id = d.viewer_id
     WHERE d.guild_id = :guild_id AND platform = ANY(:platforms)
       AND day = (CAST(:now AS timestamptz) AT TIME ZONE 'UTC')::date
       AND present @> CAST(:now AS timestamptz)
""")


def count_present(tx: Connection, guild_id: int, platforms: Sequence[str], now: datetime) -> int:
    """How many people are present now on any of these platforms."""
    key = {"guild_id": guild_id, "platforms": list(platforms), "now": now}
    return int(tx.execute(_COUNT_PRESENT, key).scalar_one())


# A viewer counts at each point in time that their presence contains. Starts and ends are summed, so
# that the work does not grow with the number of points.
_COUNT_OVER_TIME = text("""
    WITH part AS (
        SELECT ceil(date_part('epoch', lower(part) - :starts_at) / :step)::int AS first,
               ceil(date_part('epoch', upper(part) - :starts_at) / :step)::int AS last,
               count(*) AS viewers
          FROM watchtime_days AS d, unnest(d.present) AS part
         WHERE d.guild_id = :guild_id AND d.platform = :platform
           AND d.day BETWEEN (CAST(:starts_at AS timestamptz) AT TIME ZONE 'UTC')::date
                         AND (CAST(:ends_at AS timestamptz) AT TIME ZONE 'UTC')::date
           AND upper(part) > :starts_at AND lower(part) <= :ends_at
         GROUP BY first, last
    ), change AS (
        SELECT GREATEST(first, 0) AS number, viewers AS by FROM part
         UNION ALL
        SELECT GREATEST(last, 0), -viewers FROM part
    )
    SELECT number, sum(by) AS change FROM change GROUP BY number ORDER BY number
""")


def count_over_time(
    tx: Connection, stream: Stream, ends_at: datetime, points: int
) -> list[tuple[datetime, int]]:
    """How many viewers were present at several points between the stream's start and `ends_at`."""
    step = max((ends_at - stream.started_at) / points, timedelta(minutes=1))
    key = {
        "guild_id": stream.guild_id,
        "platform": stream.platform,
        "starts_at": stream.started_at,
        "ends_at": ends_at,
        "step": step.total_seconds(),
    }
    changes = {row.number: row.change for row in tx.execute(_COUNT_OVER_TIME, key)}
    found, present, number = [], 0, 0
    while (at := stream.started_at + number * step) <= ends_at:
        present += changes.get(number, 0)
        found.append((at, present))
        number += 1
    return found


# -- a person's history ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A stream that was watched, or a correction.

    Attributes:
        at: start of the counted time, or when it was corrected.
        until: end of the counted time; None for a correction.
        amount: the watchtime; a correction may be negative.
        stretches: number of separate time ranges in the stream; 0 for a correction.
        reason: why it was corrected; empty for a stream.
        actor: Discord id of who corrected it.
    """

    at: datetime
    until: datetime | None
    amount: timedelta
    stretches: int
    reason: str
    actor: int | None


# A stream ends here where its credits are not computed yet, as above. Presence across midnight is
# stored in two rows and is one time range.
_ENTRIES = """
    WITH watched AS (
        SELECT s.started_at,
               range_agg(COALESCE(d.counted, d.present)
                         * tstzmultirange(tstzrange(s.started_at, COALESCE(s.stale_from, s.until))))
                   AS counted
          FROM watchtime_streams AS s
          JOIN watchtime_days AS d
            ON d.guild_id = s.guild_id AND d.platform = s.platform
           AND d.viewer_id = ANY(:viewer_ids)
           AND d.day BETWEEN (s.started_at AT TIME ZONE 'UTC')::date
                         AND (s.until AT TIME ZONE 'UTC')::date
         WHERE s.guild_id = :guild_id
           AND (s.stale_from IS NULL OR s.stale_from > s.started_at)
         GROUP BY s.platform, s.started_at
    ), entry AS (
        SELECT lower(counted) AS at, upper(counted) AS until,
               (SELECT sum(upper(part) - lower(part)) FROM unnest(counted) AS part) AS amount,
               (SELECT count(*) FROM unnest(counted)) AS stretches,
               '' AS reason, CAST(NULL AS bigint) AS actor
          FROM watched WHERE NOT isempty(counted)
        UNION ALL
        SELECT at, NULL, amount, 0, reason, actor
          FROM watchtime_adjustments AS a
         WHERE a.guild_id = :guild_id AND viewer_id = ANY(:viewer_ids)
    )
"""
_LIST_ENTRIES = text(
    _ENTRIES + "SELECT * FROM entry ORDER BY at DESC, amount LIMIT :limit OFFSET :offset"
)
_COUNT_ENTRIES = text(_ENTRIES + "SELECT count(*) FROM entry")


def list_entries(tx: Connection, viewer: Viewer, limit: int, offset: int) -> list[Entry]:
    """Newest first."""
    found = tx.execute(_LIST_ENTRIES, {**_key_of(tx, viewer), "limit": limit, "offset": offset})
    return [Entry(**row) for row in found.mappings()]


# Cut at the midnights of the server's time zone.
_WATCHED_BY_DAY = text(
    _ENTRIES
    + """
    SELECT local_day::date AS day, sum(upper(cut.part) - lower(cut.part)) AS watched
      FROM watched, unnest(counted) AS piece,
           generate_series(date_trunc('day', lower(piece) AT TIME ZONE :zone),
                           upper(piece) AT TIME ZONE :zone, INTERVAL '1 day') AS local_day,
           LATERAL (SELECT piece * tstzrange(local_day AT TIME ZONE :zone,
                                  (local_day + INTERVAL '1 day') AT TIME ZONE :zone) AS part) AS cut
     WHERE upper(piece) > :since AND NOT isempty(cut.part)
     GROUP BY local_day ORDER BY local_day
"""
)


def watched_by_day(
    tx: Connection, viewer: Viewer, since: datetime, zone: str
) -> dict[date, timedelta]:
    """Calendar day -> credited watchtime without corrections, for days with any."""
    found = tx.execute(_WATCHED_BY_DAY, {**_key_of(tx, viewer), "since": since, "zone": zone})
    return {row.day: row.watched for row in found}


def count_entries(tx: Connection, viewer: Viewer) -> int:
    """The number of entries."""
    return int(tx.execute(_COUNT_ENTRIES, _key_of(tx, viewer)).scalar_one())


def _key_of(tx: Connection, viewer: Viewer) -> dict[str, object]:
    accounts = list_persons(tx, viewer.guild_id, [viewer.viewer_id])
    return {"guild_id": viewer.guild_id, "viewer_ids": list(accounts)}
