"""The statements that read watchtime within a period.

A period is any stretch of instants. Whole days in UTC are read as they are credited; where it
begins or ends within a day, what counts there is cut to it. So periods that touch add up to what
was watched in all of them together.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from core.people.exclusions.store import excluded_from
from core.watchtime.rules import Stretch, cut_at_midnights

# Counted of a day is never more than credited: a confirmation that has not been credited yet does
# not run ahead of the total.
_EARNED = """
    WITH edge AS (
        SELECT (starts_at AT TIME ZONE 'UTC')::date AS day, s.platform,
               range_agg(tstzrange(s.started_at, s.until))
                   * tstzmultirange(tstzrange(starts_at, ends_at)) AS live
          FROM unnest(CAST(:edge_starts AS timestamptz[]), CAST(:edge_ends AS timestamptz[]))
                   AS edge (starts_at, ends_at)
          JOIN watchtime_streams s
            ON s.guild_id = :guild_id AND s.until > starts_at AND s.started_at < ends_at
         GROUP BY starts_at, ends_at, s.platform
    ), earned AS (
        SELECT d.viewer_id, sum(d.watched) AS watched, FALSE AS adjusted
          FROM watchtime_days d
         WHERE d.guild_id = :guild_id AND d.day >= :first_day AND d.day < :last_day
           AND d.watched > INTERVAL '0' {viewers}
         GROUP BY d.viewer_id
        UNION ALL
        SELECT d.viewer_id,
               LEAST(d.watched, (
                   SELECT COALESCE(sum(upper(part) - lower(part)), INTERVAL '0')
                     FROM unnest(COALESCE(d.counted, d.present) * edge.live) AS part)), FALSE
          FROM edge
          JOIN watchtime_days d
            ON d.guild_id = :guild_id AND d.day = edge.day AND d.platform = edge.platform {viewers}
        UNION ALL
        SELECT d.viewer_id, d.amount, TRUE
          FROM watchtime_adjustments d
         WHERE d.guild_id = :guild_id AND d.at >= :starts_at AND d.at < :ends_at {viewers}
    ), period AS (
        SELECT viewer_id, sum(watched) AS watched FROM earned
         GROUP BY viewer_id HAVING sum(watched) > INTERVAL '0'
    )
"""
_OF_THESE = "AND d.viewer_id IN (SELECT unnest(CAST(:viewer_ids AS bigint[])))"
_WATCHED_BETWEEN = text(_EARNED.format(viewers=_OF_THESE) + "SELECT viewer_id, watched FROM period")
_ALL_WATCHED_BETWEEN = text(_EARNED.format(viewers="") + "SELECT viewer_id, watched FROM period")


_EARNED_BETWEEN = text(
    _EARNED.format(viewers=_OF_THESE)
    + "SELECT COALESCE(sum(watched), INTERVAL '0') FROM earned WHERE NOT adjusted"
)


def watched_between(
    tx: Connection,
    guild_id: int,
    viewer_ids: Collection[int] | None,
    starts_at: datetime,
    ends_at: datetime,
) -> dict[int, timedelta]:
    """Viewer id -> what counts of [starts_at, ends_at), adjustments made within included; of these
    viewers or of all, without those who have nothing. Exclusions are not asked for here."""
    if ends_at <= starts_at:
        return {}
    key = {"guild_id": guild_id} | _bounds(starts_at, ends_at)
    if viewer_ids is None:
        found = tx.execute(_ALL_WATCHED_BETWEEN, key)
    else:
        found = tx.execute(_WATCHED_BETWEEN, key | {"viewer_ids": list(viewer_ids)})
    return {row.viewer_id: row.watched for row in found}


def earned_between(
    tx: Connection, guild_id: int, viewer_id: int, starts_at: datetime, ends_at: datetime
) -> timedelta:
    """What one viewer was credited of [starts_at, ends_at), without adjustments."""
    key = {"guild_id": guild_id, "viewer_ids": [viewer_id]} | _bounds(starts_at, ends_at)
    earned: timedelta = tx.execute(_EARNED_BETWEEN, key).scalar_one()
    return earned


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a leaderboard."""

    rank: int
    viewer_id: int
    name: str
    watched: timedelta


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines of a period's leaderboard, how many it has in all, and one viewer's own."""

    places: list[Place]
    ranked: int
    own: Place | None


_EXCLUDED = excluded_from("watchtime")
_LIST_PLACES = text(
    _EARNED.format(viewers="")
    + f"""
    , ranked AS (
        SELECT rank() OVER (ORDER BY watched DESC) AS rank, viewer_id, watched,
               row_number() OVER (ORDER BY watched DESC, viewer_id) AS line,
               count(*) OVER () AS ranked
          FROM period
         WHERE period.viewer_id NOT IN {_EXCLUDED}
    )
    SELECT r.rank, r.viewer_id, v.name, r.watched, r.ranked,
           r.line > :offset AND r.line <= :offset + :limit AS on_page
      FROM ranked r
      JOIN people_viewers v ON v.guild_id = :guild_id AND v.viewer_id = r.viewer_id
     WHERE r.line > :offset AND r.line <= :offset + :limit
        OR r.viewer_id = :own_viewer_id OR r.line = 1
     ORDER BY r.line
"""
)


def read_page(
    tx: Connection,
    guild_id: int,
    stretch: Stretch,
    limit: int,
    offset: int,
    own_viewer_id: int | None,
) -> Page:
    """Who watched longest within the stretch; all of it is added up anew."""
    key = {"guild_id": guild_id, "limit": limit, "offset": offset, "own_viewer_id": own_viewer_id}
    found = list(tx.execute(_LIST_PLACES, key | _bounds(stretch.starts_at, stretch.ends_at)))
    places = [(Place(r.rank, r.viewer_id, r.name, r.watched), r.on_page) for r in found]
    return Page(
        [place for place, on_page in places if on_page],
        found[0].ranked if found else 0,
        next((place for place, _on_page in places if place.viewer_id == own_viewer_id), None),
    )


def _bounds(starts_at: datetime, ends_at: datetime) -> dict[str, Any]:
    cut = cut_at_midnights(starts_at, ends_at)
    return {
        "starts_at": starts_at,
        "ends_at": ends_at,
        "first_day": cut.first_day,
        "last_day": cut.last_day,
        "edge_starts": [start for start, _end in cut.edges],
        "edge_ends": [end for _start, end in cut.edges],
    }
