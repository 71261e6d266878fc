"""The statements that read when and why a viewer's minutes came."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from core.people.records import Viewer


@dataclass(frozen=True, slots=True)
class Entry:
    """A stream that was watched, or a correction.

    Attributes:
        at: the first counted instant of the stream, or when it was corrected.
        until: the last counted instant; None for a correction.
        amount: what counts; a correction may take away.
        stretches: into how many pieces the stream's time falls; 0 for a correction.
        reason: why it was corrected; empty for a stream.
        actor: Discord id of who did that.
    """

    at: datetime
    until: datetime | None
    amount: timedelta
    stretches: int
    reason: str
    actor: int | None


# A stream ends for this where its credits need another look, as in `streams.py`. Windows that touch
# at midnight lie in two rows and are one stretch.
_ENTRIES = """
    WITH watched AS (
        SELECT s.started_at,
               range_agg(COALESCE(d.counted, d.present)
                         * tstzmultirange(tstzrange(s.started_at, COALESCE(s.stale_from, s.until))))
                   AS counted
          FROM watchtime_streams s
          JOIN watchtime_days d
            ON d.guild_id = s.guild_id AND d.viewer_id = :viewer_id
           AND d.day BETWEEN (s.started_at AT TIME ZONE 'UTC')::date
                         AND (s.until AT TIME ZONE 'UTC')::date
         WHERE s.guild_id = :guild_id AND s.platform = :platform
           AND (s.stale_from IS NULL OR s.stale_from > s.started_at)
         GROUP BY s.started_at
    ), entry AS (
        SELECT lower(counted) AS at, upper(counted) AS until,
               (SELECT sum(upper(part) - lower(part)) FROM unnest(counted) AS part) AS amount,
               (SELECT count(*) FROM unnest(counted)) AS stretches,
               '' AS reason, CAST(NULL AS bigint) AS actor
          FROM watched WHERE NOT isempty(counted)
        UNION ALL
        SELECT at, NULL, amount, 0, reason, actor
          FROM watchtime_adjustments WHERE guild_id = :guild_id AND viewer_id = :viewer_id
    )
"""
_LIST_ENTRIES = text(
    _ENTRIES + "SELECT * FROM entry ORDER BY at DESC, amount LIMIT :limit OFFSET :offset"
)
_COUNT_ENTRIES = text(_ENTRIES + "SELECT count(*) FROM entry")


def list_entries(tx: Connection, viewer: Viewer, limit: int, offset: int) -> list[Entry]:
    """The newest first."""
    found = tx.execute(_LIST_ENTRIES, {**_key(viewer), "limit": limit, "offset": offset})
    return [Entry(**row) for row in found.mappings()]


def count_entries(tx: Connection, viewer: Viewer) -> int:
    """How many there are."""
    return int(tx.execute(_COUNT_ENTRIES, _key(viewer)).scalar_one())


def _key(viewer: Viewer) -> dict[str, object]:
    return {
        "guild_id": viewer.guild_id,
        "viewer_id": viewer.viewer_id,
        "platform": viewer.platform,
    }
