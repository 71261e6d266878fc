"""Totals, ranks and members. `periods.py` has the same within a period.

People see credited watchtime, which is at most WATCH_INTERVAL_SECONDS behind. Excluded viewers have
no rank, whatever their total.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, text

from core.people.exclusions.store import excluded_from

_EXCLUDED = excluded_from("watchtime")


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a leaderboard."""

    rank: int | None
    viewer_id: int
    name: str
    watched: timedelta


@dataclass(frozen=True, slots=True)
class Rank:
    """A viewer's place among those who have watched.

    Attributes:
        watched: everything credited so far.
        rank: 1 for the longest watchtime; equals share a rank; None before the first minute.
        ranked: number of viewers with a rank.
        ahead: the watchtime of the next better rank; None at the top.
    """

    watched: timedelta
    rank: int | None
    ranked: int
    ahead: timedelta | None


# By steps first, which an index keeps in order; by watchtime only within the viewer's own step.
# Excluded viewers are subtracted, a few rows each time, so that all others are counted by the index
# alone. Each statement gets the previous result as a parameter, because PostgreSQL only counts in
# parallel if the bounds are constants.
_GET_OWN = text(f"""
    SELECT COALESCE(max(watched), INTERVAL '0') AS watched, COALESCE(max(step), 0) AS step,
           :viewer_id IN {_EXCLUDED} AS excluded
      FROM watchtime_totals AS t
     WHERE t.guild_id = :guild_id
       AND t.viewer_id = (SELECT v.person_id FROM people_viewers AS v
                           WHERE v.guild_id = :guild_id AND v.viewer_id = :viewer_id)
""")
_EXCLUDED_TOTALS = f"""
            (SELECT DISTINCT viewer_id FROM {_EXCLUDED} AS one) AS excluded
            JOIN watchtime_totals AS t USING (viewer_id) WHERE t.guild_id = :guild_id
"""
_ABOVE = f"""
        (SELECT count(*) FROM watchtime_totals AS t
          WHERE t.guild_id = :guild_id AND step > :step)
      + (SELECT count(*) FROM watchtime_totals AS t
          WHERE t.guild_id = :guild_id AND step = :step AND watched > :watched)
      - (SELECT count(*) FROM {_EXCLUDED_TOTALS} AND watched > :watched)
"""
_FROM_HERE_DOWN = f"""
        (SELECT count(*) FROM watchtime_totals AS t
          WHERE t.guild_id = :guild_id AND step > 0 AND step < :step)
      + (SELECT count(*) FROM watchtime_totals AS t
          WHERE t.guild_id = :guild_id AND step > 0 AND step = :step AND watched <= :watched)
      - (SELECT count(*) FROM {_EXCLUDED_TOTALS} AND step > 0 AND watched <= :watched)
"""
_COUNT_ABOVE = text(f"SELECT {_ABOVE}")
_COUNT_BOTH = text(f"SELECT {_ABOVE} AS above, {_FROM_HERE_DOWN} AS from_here_down")
_FIND_AHEAD = text(f"""
    SELECT t.watched FROM watchtime_totals AS t
     WHERE t.guild_id = :guild_id AND t.step >= :step AND t.watched > :watched
       AND t.viewer_id NOT IN {_EXCLUDED}
     ORDER BY t.step, t.watched LIMIT 1
""")


def get_place(tx: Connection, guild_id: int, viewer_id: int) -> tuple[int | None, timedelta]:
    """The viewer's rank, None without one, and their watchtime."""
    own = tx.execute(_GET_OWN, {"guild_id": guild_id, "viewer_id": viewer_id}).one()
    if not own.step or own.excluded:
        return None, own.watched
    here = {"guild_id": guild_id, "step": own.step, "watched": own.watched}
    return 1 + tx.execute(_COUNT_ABOVE, here).scalar_one(), own.watched


def get_rank(tx: Connection, guild_id: int, viewer_id: int) -> Rank:
    """A viewer who never watched has no rank."""
    own = tx.execute(_GET_OWN, {"guild_id": guild_id, "viewer_id": viewer_id}).one()
    here = {"guild_id": guild_id, "step": own.step, "watched": own.watched}
    above, from_here_down = tx.execute(_COUNT_BOTH, here).one()
    return Rank(
        watched=own.watched,
        rank=above + 1 if own.step and not own.excluded else None,
        ranked=above + from_here_down,
        ahead=tx.execute(_FIND_AHEAD, here).scalar(),
    )


_LIST_RANKS = text(f"""
    SELECT v.viewer_id, v.name, COALESCE(o.watched, INTERVAL '0') AS watched,
           CASE WHEN o.step > 0 AND o.viewer_id NOT IN {_EXCLUDED}
                THEN 1 + {_ABOVE.replace(":step", "o.step").replace(":watched", "o.watched")}
            END AS rank
      FROM people_viewers v
      LEFT JOIN watchtime_totals AS o ON o.guild_id = v.guild_id AND o.viewer_id = v.viewer_id
     WHERE v.guild_id = :guild_id
       AND v.viewer_id IN (SELECT one.person_id FROM people_viewers AS one
                            WHERE one.guild_id = :guild_id AND one.viewer_id = ANY(:viewer_ids))
     ORDER BY v.viewer_id
""")


def list_ranks(tx: Connection, guild_id: int, viewer_ids: Collection[int]) -> list[Place]:
    """The ranks of the people with these accounts."""
    key = {"guild_id": guild_id, "viewer_ids": list(viewer_ids)}
    return [Place(**row) for row in tx.execute(_LIST_RANKS, key).mappings()]


_GET_WATCHED = text(
    "SELECT watched FROM watchtime_totals AS t WHERE t.guild_id = :guild_id AND t.viewer_id ="
    " (SELECT v.person_id FROM people_viewers AS v"
    "   WHERE v.guild_id = :guild_id AND v.viewer_id = :viewer_id)"
)


def get_watched(tx: Connection, guild_id: int, viewer_id: int) -> timedelta:
    """A person's total watchtime with adjustments, even if they are excluded."""
    key = {"guild_id": guild_id, "viewer_id": viewer_id}
    watched: timedelta | None = tx.execute(_GET_WATCHED, key).scalar()
    return watched or timedelta()


_LIST_PLACES = text(f"""
    SELECT t.rank, t.viewer_id, v.name, t.watched
      FROM (SELECT rank() OVER (ORDER BY step DESC, watched DESC) AS rank, viewer_id, watched
              FROM watchtime_totals AS t
             WHERE t.guild_id = :guild_id AND step > 0
               AND t.viewer_id NOT IN {_EXCLUDED}
             ORDER BY step DESC, watched DESC, viewer_id LIMIT :limit OFFSET :offset) AS t
      JOIN people_viewers v ON v.guild_id = :guild_id AND v.viewer_id = t.viewer_id
     ORDER BY t.watched DESC, t.viewer_id
""")


def list_places(tx: Connection, guild_id: int, limit: int, offset: int = 0) -> list[Place]:
    """The people with the most watchtime, each with the account that represents them; of equals,
    the one seen first comes first."""
    found = tx.execute(_LIST_PLACES, {"guild_id": guild_id, "limit": limit, "offset": offset})
    return [Place(**row) for row in found.mappings()]


_COUNT_RANKED = text(f"""
    SELECT count(*) FROM (
        SELECT FROM watchtime_totals AS t
         WHERE t.guild_id = :guild_id AND step > 0
           AND t.viewer_id NOT IN {_EXCLUDED}
         LIMIT :maximum) AS ranked
""")


def count_ranked(tx: Connection, guild_id: int, maximum: int) -> int:
    """How many viewers have a rank; counting stops at `maximum`."""
    key = {"guild_id": guild_id, "maximum": maximum}
    return int(tx.execute(_COUNT_RANKED, key).scalar_one())


@dataclass(frozen=True, slots=True)
class Totals:
    """The total watchtime of a server, and the number of viewers."""

    watched: timedelta
    viewers: int


_GET_TOTALS = text(f"""
    SELECT COALESCE(sum(watched), INTERVAL '0') AS watched, count(*) AS viewers
      FROM watchtime_totals AS t
     WHERE t.guild_id = :guild_id AND step > 0
       AND t.viewer_id NOT IN {_EXCLUDED}
""")


def get_totals(tx: Connection, guild_id: int) -> Totals:
    """The sum over all viewers."""
    return Totals(**tx.execute(_GET_TOTALS, {"guild_id": guild_id}).mappings().one())


# -- members of the Discord server ----------------------------------------------------------------


_LIST_MEMBERS = text(f"""
    SELECT l.discord_id, sum(COALESCE(t.watched, INTERVAL '0')) AS watched
      FROM people_links l
      LEFT JOIN watchtime_totals AS t ON t.guild_id = l.guild_id AND t.viewer_id = l.viewer_id
     WHERE l.guild_id = :guild_id
       AND l.viewer_id NOT IN {_EXCLUDED}
     GROUP BY l.discord_id
""")


def list_members(tx: Connection, guild_id: int) -> dict[int, timedelta]:
    """Discord id -> the watchtime of the member's accounts together, for every member with a linked
    account that is not excluded, even without watchtime."""
    found = tx.execute(_LIST_MEMBERS, {"guild_id": guild_id})
    return {row.discord_id: row.watched for row in found}
