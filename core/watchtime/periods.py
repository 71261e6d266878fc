"""Watchtime within a period: a day, a month, a stream, or any other time range."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from core.kit.text.calendar import Stretch
from core.people.exclusions.store import excluded_from
from core.people.store import fold, list_persons
from core.watchtime.rules import cut_at_midnights
from core.watchtime.standings import Place, Totals

_EXCLUDED = excluded_from("watchtime")

# A period is any time range. Whole days in UTC are read as credited; where it begins or ends within
# a day, that day's credit is cut to it. So adjacent periods add up to the watchtime of both
# together.
#
# No more of a day counts than was credited: a confirmation without a credit is not ahead of the
# total. If everything that was live on such a day lies within the period, the day's credit counts,
# and no presence has to be read.
_EARNED = """
    WITH cut AS (
        SELECT day, tstzmultirange(tstzrange(starts_at, ends_at)) AS within,
               tstzmultirange(tstzrange(CAST(day AS timestamp) AT TIME ZONE 'UTC',
                                        CAST(day + 1 AS timestamp) AT TIME ZONE 'UTC')) AS whole
          FROM unnest(CAST(:edge_starts AS timestamptz[]), CAST(:edge_ends AS timestamptz[]))
                   AS edge (starts_at, ends_at),
               LATERAL (SELECT (starts_at AT TIME ZONE 'UTC')::date AS day) AS of_utc
    ), edge AS (
        SELECT day, s.platform,
               range_agg(tstzrange(s.started_at, s.until)) * within AS live,
               range_agg(tstzrange(s.started_at, s.until)) * whole <@ within AS is_all
          FROM cut
          JOIN watchtime_streams AS s
            ON s.guild_id = :guild_id AND tstzrange(s.started_at, s.until) && whole
         GROUP BY day, within, whole, s.platform
    ), earned AS (
        SELECT d.viewer_id, sum(d.watched) AS watched, FALSE AS adjusted
          FROM watchtime_days AS d
         WHERE d.guild_id = :guild_id AND d.day >= :first_day AND d.day < :last_day {viewers}
         GROUP BY d.viewer_id
        UNION ALL
        SELECT d.viewer_id,
               CASE WHEN edge.is_all THEN d.watched
                    ELSE LEAST(d.watched, (
                        SELECT COALESCE(sum(upper(part) - lower(part)), INTERVAL '0')
                          FROM unnest(COALESCE(d.counted, d.present) * edge.live) AS part))
               END, FALSE
          FROM edge
          JOIN watchtime_days AS d
            ON d.guild_id = :guild_id AND d.day = edge.day AND d.platform = edge.platform {viewers}
         WHERE NOT isempty(edge.live)
        UNION ALL
        SELECT d.viewer_id, d.amount, TRUE
          FROM watchtime_adjustments AS d
         WHERE d.guild_id = :guild_id AND d.at >= :starts_at AND d.at < :ends_at {viewers}
    ), shared AS (
        SELECT v.viewer_id, v.represented_by FROM people_viewers AS v
         WHERE v.guild_id = :guild_id AND v.represented_by IS NOT NULL
    ), period AS (
        SELECT COALESCE(shared.represented_by, earned.viewer_id) AS viewer_id,
               sum(watched) AS watched
          FROM earned LEFT JOIN shared ON shared.viewer_id = earned.viewer_id
         GROUP BY 1 HAVING sum(watched) > INTERVAL '0'
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
    """Representing viewer id -> watchtime in [starts_at, ends_at), including adjustments made in
    that time; of the people with these accounts, or of all. People without watchtime are left out,
    excluded ones are not."""
    if ends_at <= starts_at:
        return {}
    key = {"guild_id": guild_id} | _bounds(starts_at, ends_at)
    if viewer_ids is None:
        found = tx.execute(_ALL_WATCHED_BETWEEN, key)
    else:
        accounts = list_persons(tx, guild_id, viewer_ids)
        found = tx.execute(_WATCHED_BETWEEN, key | {"viewer_ids": list(accounts)})
    return {row.viewer_id: row.watched for row in found}


def earned_between(
    tx: Connection, guild_id: int, viewer_id: int, starts_at: datetime, ends_at: datetime
) -> timedelta:
    """A person's credited watchtime in [starts_at, ends_at), without adjustments."""
    accounts = list(list_persons(tx, guild_id, [viewer_id]))
    key = {"guild_id": guild_id, "viewer_ids": accounts} | _bounds(starts_at, ends_at)
    earned: timedelta = tx.execute(_EARNED_BETWEEN, key).scalar_one()
    return earned


_LIST_ACTIVE = text(f"""
    SELECT viewer_id FROM watchtime_days AS d
     WHERE d.guild_id = :guild_id AND d.day >= CAST(:since AS timestamptz)::date - 1
       AND d.viewer_id NOT IN {_EXCLUDED}
     UNION
    SELECT viewer_id FROM watchtime_adjustments AS d
     WHERE d.guild_id = :guild_id AND d.at >= :since AND d.viewer_id NOT IN {_EXCLUDED}
""")


def list_active(tx: Connection, guild_id: int, since: datetime) -> list[int]:
    """Viewers who chatted or whose watchtime was corrected since the day before then, without
    excluded ones."""
    return list(tx.scalars(_LIST_ACTIVE, {"guild_id": guild_id, "since": since}))


_EARNED_BY_ALL = text(
    _EARNED.format(viewers="")
    + f"""
    SELECT COALESCE(sum(watched), INTERVAL '0') AS watched,
           count(DISTINCT COALESCE(shared.represented_by, earned.viewer_id)) AS viewers
      FROM earned LEFT JOIN shared ON shared.viewer_id = earned.viewer_id
     WHERE NOT adjusted AND watched > INTERVAL '0' AND earned.viewer_id NOT IN {_EXCLUDED}
"""
)


def earned_by_all(tx: Connection, guild_id: int, stretch: Stretch) -> Totals:
    """The credited watchtime of all viewers in this time, without adjustments."""
    found = tx.execute(_EARNED_BY_ALL, {"guild_id": guild_id} | _bounds(*stretch))
    return Totals(**found.mappings().one())


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines of a period's leaderboard, their total number, and one viewer's own line."""

    places: list[Place]
    ranked: int
    own: Place | None


_ON_PAGE = """
    SELECT r.rank, r.viewer_id, v.name, r.watched, r.ranked,
           r.line > :offset AND r.line <= :offset + :limit AS on_page
      FROM ranked r
      JOIN people_viewers v ON v.guild_id = :guild_id AND v.viewer_id = r.viewer_id
     WHERE r.line > :offset AND r.line <= :offset + :limit
        OR r.viewer_id = :own_viewer_id OR r.line = 1
     ORDER BY r.line
"""
# Ranks do not depend on later lines, so only those up to the page's last line are ranked. The own
# line appears twice if it is among them.
_LIST_PLACES_IN = text(
    _EARNED.format(viewers="")
    + f"""
    , place AS MATERIALIZED (
        SELECT viewer_id, watched FROM period WHERE period.viewer_id NOT IN {_EXCLUDED}
    ), first AS (
        SELECT viewer_id, watched FROM place
         ORDER BY watched DESC, viewer_id LIMIT CAST(:offset AS bigint) + :limit
    ), line AS (
        SELECT rank() OVER (ORDER BY watched DESC) AS rank, viewer_id, watched,
               row_number() OVER (ORDER BY watched DESC, viewer_id) AS line
          FROM first
         UNION ALL
        SELECT 1 + (SELECT count(*) FROM place WHERE place.watched > own.watched),
               viewer_id, watched, NULL
          FROM place AS own
         WHERE own.viewer_id = :own_viewer_id
    ), ranked AS (
        SELECT rank, viewer_id, watched, line, (SELECT count(*) FROM place) AS ranked FROM line
    )
"""
    + _ON_PAGE
)
# The rank is among all, so it is computed before filtering by name.
_NAMED = (
    f"""
    , place AS (
        SELECT rank() OVER (ORDER BY watched DESC) AS rank, viewer_id, watched
          FROM period
         WHERE period.viewer_id NOT IN {_EXCLUDED}
    ), ranked AS (
        SELECT rank, viewer_id, watched,
               row_number() OVER (ORDER BY watched DESC, viewer_id) AS line,
               count(*) OVER () AS ranked
          FROM place
         WHERE viewer_id IN (SELECT n.person_id FROM people_viewers AS n
                              WHERE n.guild_id = :guild_id AND (starts_with(n.folded_name, :name)
                                   OR starts_with(n.login, :name)))
    )
"""
    + _ON_PAGE
)
_FIND_PLACES_IN = text(_EARNED.format(viewers="") + _NAMED)
# For all time everybody has a rank, so only those on the page are ranked: one pass counts how many
# are between each two of them.
_FIND_PLACES = text(f"""
    WITH named AS (
        SELECT t.viewer_id, v.name, t.watched, count(*) OVER () AS ranked,
               row_number() OVER (ORDER BY t.watched DESC, t.viewer_id) AS line
          FROM (SELECT DISTINCT n.person_id FROM people_viewers AS n
                 WHERE n.guild_id = :guild_id AND (starts_with(n.folded_name, :name)
                                   OR starts_with(n.login, :name))) AS person
          JOIN people_viewers v ON v.guild_id = :guild_id AND v.viewer_id = person.person_id
          JOIN watchtime_totals AS t ON t.guild_id = :guild_id AND t.viewer_id = v.viewer_id
         WHERE t.step > 0 AND t.viewer_id NOT IN {_EXCLUDED}
    ), shown AS (
        SELECT *, line > :offset AND line <= :offset + :limit AS on_page FROM named
         WHERE line > :offset AND line <= :offset + :limit OR line = 1
    ), bound AS (
        SELECT array_agg(DISTINCT -watched ORDER BY -watched) AS bounds FROM shown
    ), above AS MATERIALIZED (
        SELECT width_bucket(-t.watched, bounds) AS bucket, count(*) AS viewers
          FROM watchtime_totals AS t, bound
         WHERE t.guild_id = :guild_id AND step > 0 AND bounds IS NOT NULL
           AND t.viewer_id NOT IN {_EXCLUDED}
         GROUP BY bucket
    )
    SELECT 1 + COALESCE((SELECT sum(above.viewers) FROM above
                          WHERE above.bucket < array_position(bounds, -s.watched)), 0)::int AS rank,
           s.viewer_id, s.name, s.watched, s.ranked, s.on_page
      FROM shown AS s, bound
     ORDER BY s.line
""")


def read_page(
    tx: Connection,
    guild_id: int,
    stretch: Stretch,
    limit: int,
    offset: int,
    own_viewer_id: int | None,
) -> Page:
    """A page of the period's leaderboard, from days and adjustments."""
    key = {"guild_id": guild_id, "limit": limit, "offset": offset, "own_viewer_id": own_viewer_id}
    found = list(tx.execute(_LIST_PLACES_IN, key | _bounds(*stretch)))
    return _page_of(found, own_viewer_id)


def find_places(
    tx: Connection, guild_id: int, stretch: Stretch | None, name: str, limit: int, offset: int
) -> Page:
    """The viewers of the period, or of all time, whose name on any platform begins like this. Their
    ranks are among all viewers."""
    key: dict[str, Any] = {"guild_id": guild_id, "limit": limit, "offset": offset}
    key |= {"name": fold(name), "own_viewer_id": None}
    if stretch is None:
        return _page_of(list(tx.execute(_FIND_PLACES, key)), None)
    return _page_of(list(tx.execute(_FIND_PLACES_IN, key | _bounds(*stretch))), None)


def _page_of(found: Sequence[Any], own_viewer_id: int | None) -> Page:
    places = [(Place(r.rank, r.viewer_id, r.name, r.watched), r.on_page) for r in found]
    return Page(
        [place for place, on_page in places if on_page],
        found[0].ranked if found else 0,
        next((place for place, _on_page in places if place.viewer_id == own_viewer_id), None),
    )


_FIND_FIRST_DAY = text("""
    SELECT LEAST((SELECT min(day) FROM watchtime_days AS d WHERE d.guild_id = :guild_id),
                 (SELECT min(at)::date FROM watchtime_adjustments AS a
                   WHERE a.guild_id = :guild_id))
""")


def find_first_day(tx: Connection, guild_id: int) -> date | None:
    """The first day, in UTC, with any data."""
    found: date | None = tx.execute(_FIND_FIRST_DAY, {"guild_id": guild_id}).scalar()
    return found


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
