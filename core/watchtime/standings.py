"""The statements that read who watched how long: totals, ranks, the leaderboard, members.

What people see is what has been credited, at most WATCH_INTERVAL_SECONDS behind. Who is excluded
has no place and is no member here, whatever their total says.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, text

from core.people.exclusions.store import excluded_from
from core.watchtime.periods import Place

_EXCLUDED = excluded_from("watchtime")


@dataclass(frozen=True, slots=True)
class Rank:
    """A viewer's place among those who have watched.

    Attributes:
        watched: everything credited so far.
        rank: 1 for whoever watched longest; equals share a place; None before the first minute.
        ranked: how many viewers have a place.
        ahead: what the next better place has credited; None at the top.
    """

    watched: timedelta
    rank: int | None
    ranked: int
    ahead: timedelta | None


# By steps first, which an index keeps in order; by what was watched only within one's own. Who is
# excluded is left out by subtraction, a few rows each time: so all others are counted by the index
# alone. Each statement is told what was found before, because PostgreSQL lets several processes
# count together only where the bounds are constants.
_GET_OWN = text(f"""
    SELECT COALESCE(max(watched), INTERVAL '0') AS watched, COALESCE(max(step), 0) AS step,
           :viewer_id IN {_EXCLUDED} AS excluded
      FROM watchtime_totals WHERE guild_id = :guild_id AND viewer_id = :viewer_id
""")
_EXCLUDED_TOTALS = f"""
            (SELECT DISTINCT viewer_id FROM {_EXCLUDED} AS one) AS excluded
            JOIN watchtime_totals USING (viewer_id) WHERE guild_id = :guild_id
"""
_ABOVE = f"""
        (SELECT count(*) FROM watchtime_totals
          WHERE guild_id = :guild_id AND step > :step)
      + (SELECT count(*) FROM watchtime_totals
          WHERE guild_id = :guild_id AND step = :step AND watched > :watched)
      - (SELECT count(*) FROM {_EXCLUDED_TOTALS} AND watched > :watched)
"""
_FROM_HERE_DOWN = f"""
        (SELECT count(*) FROM watchtime_totals
          WHERE guild_id = :guild_id AND step > 0 AND step < :step)
      + (SELECT count(*) FROM watchtime_totals
          WHERE guild_id = :guild_id AND step > 0 AND step = :step AND watched <= :watched)
      - (SELECT count(*) FROM {_EXCLUDED_TOTALS} AND step > 0 AND watched <= :watched)
"""
_COUNT_ABOVE = text(f"SELECT {_ABOVE}")
_COUNT_BOTH = text(f"SELECT {_ABOVE} AS above, {_FROM_HERE_DOWN} AS from_here_down")
_FIND_AHEAD = text(f"""
    SELECT t.watched FROM watchtime_totals t
     WHERE t.guild_id = :guild_id AND t.step >= :step AND t.watched > :watched
       AND t.viewer_id NOT IN {_EXCLUDED}
     ORDER BY t.step, t.watched LIMIT 1
""")


def get_place(tx: Connection, guild_id: int, viewer_id: int) -> tuple[int | None, timedelta]:
    """The viewer's rank, None without one, and what they have watched."""
    own = tx.execute(_GET_OWN, {"guild_id": guild_id, "viewer_id": viewer_id}).one()
    if not own.step or own.excluded:
        return None, own.watched
    here = {"guild_id": guild_id, "step": own.step, "watched": own.watched}
    return 1 + tx.execute(_COUNT_ABOVE, here).scalar_one(), own.watched


def get_rank(tx: Connection, guild_id: int, viewer_id: int) -> Rank:
    """Where the viewer stands; a viewer who never watched has no rank."""
    own = tx.execute(_GET_OWN, {"guild_id": guild_id, "viewer_id": viewer_id}).one()
    here = {"guild_id": guild_id, "step": own.step, "watched": own.watched}
    above, from_here_down = tx.execute(_COUNT_BOTH, here).one()
    return Rank(
        watched=own.watched,
        rank=above + 1 if own.step and not own.excluded else None,
        ranked=above + from_here_down,
        ahead=tx.execute(_FIND_AHEAD, here).scalar(),
    )


_GET_WATCHED = text(
    "SELECT watched FROM watchtime_totals WHERE guild_id = :guild_id AND viewer_id = :viewer_id"
)


def get_watched(tx: Connection, guild_id: int, viewer_id: int) -> timedelta:
    """Everything credited and adjusted of one viewer, excluded or not."""
    key = {"guild_id": guild_id, "viewer_id": viewer_id}
    watched: timedelta | None = tx.execute(_GET_WATCHED, key).scalar()
    return watched or timedelta()


_LIST_PLACES = text(f"""
    SELECT t.rank, t.viewer_id, v.name, t.watched
      FROM (SELECT rank() OVER (ORDER BY step DESC, watched DESC) AS rank, viewer_id, watched
              FROM watchtime_totals t
             WHERE guild_id = :guild_id AND step > 0
               AND t.viewer_id NOT IN {_EXCLUDED}
             ORDER BY step DESC, watched DESC, viewer_id LIMIT :limit OFFSET :offset) AS t
      JOIN people_viewers v ON v.guild_id = :guild_id AND v.viewer_id = t.viewer_id
     ORDER BY t.watched DESC, t.viewer_id
""")


def list_places(tx: Connection, guild_id: int, limit: int, offset: int = 0) -> list[Place]:
    """The viewers who watched longest; of equals the one who was known first comes first."""
    found = tx.execute(_LIST_PLACES, {"guild_id": guild_id, "limit": limit, "offset": offset})
    return [Place(**row) for row in found.mappings()]


_COUNT_RANKED = text(f"""
    SELECT count(*) FROM (
        SELECT FROM watchtime_totals t
         WHERE guild_id = :guild_id AND step > 0
           AND t.viewer_id NOT IN {_EXCLUDED}
         LIMIT :at_most) AS ranked
""")


def count_ranked(tx: Connection, guild_id: int, at_most: int) -> int:
    """How many viewers have a place; counting ends at `at_most`."""
    key = {"guild_id": guild_id, "at_most": at_most}
    return int(tx.execute(_COUNT_RANKED, key).scalar_one())


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything that counts in a server, and of how many viewers."""

    watched: timedelta
    viewers: int


_GET_TOTALS = text(f"""
    SELECT COALESCE(sum(watched), INTERVAL '0') AS watched, count(*) AS viewers
      FROM watchtime_totals t
     WHERE guild_id = :guild_id AND step > 0
       AND t.viewer_id NOT IN {_EXCLUDED}
""")


def get_totals(tx: Connection, guild_id: int) -> Totals:
    """The sum over all viewers."""
    return Totals(**tx.execute(_GET_TOTALS, {"guild_id": guild_id}).mappings().one())


# -- members of the Discord server ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """A member with a linked account, and what their accounts have watched together."""

    discord_id: int
    watched: timedelta


_MEMBERS = f"""
    SELECT l.discord_id, sum(COALESCE(t.watched, INTERVAL '0')) AS watched
      FROM people_links l
      LEFT JOIN watchtime_totals t USING (guild_id, viewer_id)
     WHERE l.guild_id = :guild_id
       AND l.viewer_id NOT IN {_EXCLUDED}
"""
_LIST_MEMBERS = text(_MEMBERS + "GROUP BY l.discord_id ORDER BY l.discord_id")
_GET_MEMBER = text(_MEMBERS + "AND l.discord_id = :discord_id GROUP BY l.discord_id")


def list_members(tx: Connection, guild_id: int) -> list[Member]:
    """Every member with a linked account that is not excluded, also those who never watched."""
    found = tx.execute(_LIST_MEMBERS, {"guild_id": guild_id})
    return [Member(**row) for row in found.mappings()]


def get_watched_of_member(tx: Connection, guild_id: int, discord_id: int) -> timedelta:
    """What one member has watched; nothing for whoever is not linked or is excluded."""
    key = {"guild_id": guild_id, "discord_id": discord_id}
    row = tx.execute(_GET_MEMBER, key).mappings().first()
    return row["watched"] if row else timedelta()
