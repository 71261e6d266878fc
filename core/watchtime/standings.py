"""The statements that read who watched how long: totals, ranks, the leaderboard, members.

What people see is what has been credited, at most WATCH_INTERVAL_SECONDS behind. Who is excluded
has no place and is no member here, whatever their total says.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, text


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


_GET_RANK = text("""
    WITH ranking AS NOT MATERIALIZED (
        SELECT watched FROM watchtime_totals t
         WHERE guild_id = :guild_id AND watched > INTERVAL '0'
           AND NOT EXISTS (SELECT FROM watchtime_exclusions x
                            WHERE x.guild_id = :guild_id AND x.viewer_id = t.viewer_id)
    ), mine AS (
        SELECT COALESCE((SELECT watched FROM watchtime_totals
                          WHERE guild_id = :guild_id AND viewer_id = :viewer_id),
                        INTERVAL '0') AS watched
    )
    SELECT mine.watched,
           CASE WHEN mine.watched > INTERVAL '0' AND NOT EXISTS (
                         SELECT FROM watchtime_exclusions
                          WHERE guild_id = :guild_id AND viewer_id = :viewer_id)
                THEN 1 + (SELECT count(*) FROM ranking WHERE watched > mine.watched) END AS rank,
           (SELECT count(*) FROM ranking) AS ranked,
           (SELECT min(watched) FROM ranking WHERE watched > mine.watched) AS ahead
      FROM mine
""")


def get_rank(tx: Connection, guild_id: int, viewer_id: int) -> Rank:
    """Where the viewer stands; a viewer who never watched has no rank."""
    row = tx.execute(_GET_RANK, {"guild_id": guild_id, "viewer_id": viewer_id}).mappings().one()
    return Rank(**row)


_GET_WATCHED = text(
    "SELECT watched FROM watchtime_totals WHERE guild_id = :guild_id AND viewer_id = :viewer_id"
)


def get_watched(tx: Connection, guild_id: int, viewer_id: int) -> timedelta:
    """Everything credited and adjusted of one viewer, excluded or not."""
    key = {"guild_id": guild_id, "viewer_id": viewer_id}
    watched: timedelta | None = tx.execute(_GET_WATCHED, key).scalar()
    return watched or timedelta()


@dataclass(frozen=True, slots=True)
class Place:
    """One line of the leaderboard."""

    rank: int
    viewer_id: int
    name: str
    watched: timedelta


_LIST_PLACES = text("""
    SELECT rank() OVER (ORDER BY t.watched DESC) AS rank, t.viewer_id, v.name, t.watched
      FROM (SELECT viewer_id, watched FROM watchtime_totals t
             WHERE guild_id = :guild_id AND watched > INTERVAL '0'
               AND NOT EXISTS (SELECT FROM watchtime_exclusions x
                                WHERE x.guild_id = :guild_id AND x.viewer_id = t.viewer_id)
             ORDER BY watched DESC, viewer_id LIMIT :limit) AS t
      JOIN people_viewers v ON v.guild_id = :guild_id AND v.viewer_id = t.viewer_id
     ORDER BY t.watched DESC, t.viewer_id
""")


def list_places(tx: Connection, guild_id: int, limit: int) -> list[Place]:
    """The viewers who watched longest; of equals the one who was known first comes first."""
    found = tx.execute(_LIST_PLACES, {"guild_id": guild_id, "limit": limit})
    return [Place(**row) for row in found.mappings()]


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything that counts in a server, and of how many viewers."""

    watched: timedelta
    viewers: int


_GET_TOTALS = text("""
    SELECT COALESCE(sum(watched), INTERVAL '0') AS watched, count(*) AS viewers
      FROM watchtime_totals t
     WHERE guild_id = :guild_id AND watched > INTERVAL '0'
       AND NOT EXISTS (SELECT FROM watchtime_exclusions x
                        WHERE x.guild_id = :guild_id AND x.viewer_id = t.viewer_id)
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


_MEMBERS = """
    SELECT l.discord_id, sum(COALESCE(t.watched, INTERVAL '0')) AS watched
      FROM people_links l
      LEFT JOIN watchtime_totals t USING (guild_id, viewer_id)
     WHERE l.guild_id = :guild_id
       AND NOT EXISTS (SELECT FROM watchtime_exclusions x
                        WHERE x.guild_id = l.guild_id AND x.viewer_id = l.viewer_id)
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
