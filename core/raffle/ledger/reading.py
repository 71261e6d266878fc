"""The statements that read who has how many tickets, and why.

Who is not linked, or excluded, is not in the pool: without a place and without a chance. Their
tickets wait for them. Once the list is frozen the pool is exactly that list, whatever happens to
links and exclusions afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Connection, func, select, text

from core.people.exclusions.store import excluded_from
from core.raffle.records import Entry as LedgerEntry

entries = LedgerEntry.__table__

_EXCLUDED = excluded_from("raffle", at=":now")

# Which half of the pool is read is decided once, before any row is.
_POOL = f"""
    WITH pool AS (
        SELECT b.viewer_id, b.tickets
          FROM raffle_balances AS b
         WHERE (SELECT frozen_at IS NOT NULL FROM raffle_periods AS p
                 WHERE p.guild_id = :guild_id AND number = :period)
           AND b.guild_id = :guild_id AND b.period = :period AND b.tickets > 0 AND NOT b.left_out
         UNION ALL
        SELECT b.viewer_id, b.tickets
          FROM raffle_balances AS b
          JOIN people_links l ON l.guild_id = b.guild_id AND l.viewer_id = b.viewer_id
         WHERE (SELECT frozen_at IS NULL FROM raffle_periods AS p
                 WHERE p.guild_id = :guild_id AND number = :period)
           AND b.guild_id = :guild_id AND b.period = :period AND b.tickets > 0
           AND b.viewer_id NOT IN {_EXCLUDED}
    )
"""


@dataclass(frozen=True, slots=True)
class Pool:
    """All who can win, and their tickets together."""

    viewers: int
    tickets: int


_GET_POOL = text(
    _POOL + "SELECT count(*) AS viewers, COALESCE(sum(tickets), 0)::bigint AS tickets FROM pool"
)


def get_pool(tx: Connection, guild_id: int, period: int, now: datetime) -> Pool:
    """How many can win, and how many tickets they have."""
    key = {"guild_id": guild_id, "period": period, "now": now}
    return Pool(**tx.execute(_GET_POOL, key).mappings().one())


@dataclass(frozen=True, slots=True)
class Own:
    """A viewer's tickets.

    Attributes:
        tickets: all of them.
        sources: source and sum, the largest first.
        rank: 1 for whoever has most, equals share it; None for whoever cannot win.
        linked: the account is linked with a member.
        pool: all who can win.
    """

    tickets: int
    sources: Sequence[tuple[str, int]]
    rank: int | None
    linked: bool
    pool: Pool


_GET_OWN = text(
    _POOL
    + """
    SELECT COALESCE((SELECT tickets FROM raffle_balances AS b
                      WHERE b.guild_id = :guild_id AND period = :period
                        AND viewer_id = :viewer_id), 0) AS tickets,
           (SELECT 1 + (SELECT count(*) FROM pool WHERE pool.tickets > mine.tickets)
              FROM pool mine WHERE mine.viewer_id = :viewer_id) AS rank,
           EXISTS (SELECT FROM people_links
                    WHERE people_links.guild_id = :guild_id AND viewer_id = :viewer_id) AS linked,
           (SELECT count(*) FROM pool) AS viewers,
           COALESCE((SELECT sum(tickets) FROM pool), 0)::bigint AS all_tickets
"""
)


def get_own(tx: Connection, guild_id: int, period: int, viewer_id: int, now: datetime) -> Own:
    """What a viewer has, and how that compares."""
    key = {"guild_id": guild_id, "period": period, "viewer_id": viewer_id, "now": now}
    row = tx.execute(_GET_OWN, key).one()
    sources = list_sources(tx, guild_id, viewer_id, period)
    pool = Pool(row.viewers, row.all_tickets)
    return Own(row.tickets, sources, row.rank, row.linked, pool)


def list_sources(
    tx: Connection, guild_id: int, viewer_id: int | None, period: int | None
) -> list[tuple[str, int]]:
    """Source and sum, the largest first; of a viewer or of all, in one period or ever."""
    added = func.sum(entries.c.amount).cast(BigInteger)
    wanted = select(entries.c.source, added).where(entries.c.guild_id == guild_id)
    if viewer_id is not None:
        wanted = wanted.where(entries.c.viewer_id == viewer_id)
    if period is not None:
        wanted = wanted.where(entries.c.period == period)
    found = tx.execute(wanted.group_by(entries.c.source).order_by(added.desc(), entries.c.source))
    return [(source, tickets) for source, tickets in found]


@dataclass(frozen=True, slots=True)
class Place:
    """One line of the board."""

    rank: int
    viewer_id: int
    name: str
    tickets: int


_LIST_PLACES = text(
    _POOL
    + """
    , ranked AS (
        SELECT rank() OVER (ORDER BY tickets DESC) AS rank, viewer_id, tickets,
               row_number() OVER (ORDER BY tickets DESC, viewer_id) AS line
          FROM pool
    )
    SELECT r.rank, r.viewer_id, v.name, r.tickets,
           r.line > :skip AND r.line <= :skip + :limit AS on_page
      FROM ranked r
      JOIN people_viewers v ON v.guild_id = :guild_id AND v.viewer_id = r.viewer_id
     WHERE r.line > :skip AND r.line <= :skip + :limit OR r.viewer_id = :own_id
     ORDER BY r.line
"""
)


def list_places(
    tx: Connection,
    guild_id: int,
    period: int,
    limit: int,
    skip: int,
    own_id: int | None,
    now: datetime,
) -> tuple[list[Place], Place | None]:
    """So many places after the first ones, and the viewer's own."""
    key = {
        "guild_id": guild_id,
        "period": period,
        "limit": limit,
        "skip": skip,
        "own_id": own_id,
        "now": now,
    }
    places: list[Place] = []
    own = None
    for row in tx.execute(_LIST_PLACES, key):
        place = Place(row.rank, row.viewer_id, row.name, row.tickets)
        if row.on_page:
            places.append(place)
        if row.viewer_id == own_id:
            own = place
    return places, own


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger. `actor` is the Discord id of the admin who made it, if one did."""

    at: datetime
    source: str
    amount: int
    reason: str
    actor: int | None


_COUNT_ROWS = text("""
    SELECT count(*) AS rows, COALESCE(sum(amount), 0)::bigint AS tickets FROM raffle_entries AS e
     WHERE e.guild_id = :guild_id AND period = :period AND viewer_id = :viewer_id
""")
_LIST_ROWS = text("""
    SELECT at, source, amount, reason, actor FROM raffle_entries AS e
     WHERE e.guild_id = :guild_id AND period = :period AND viewer_id = :viewer_id
     ORDER BY id DESC LIMIT :limit OFFSET :skip
""")


def count_rows(tx: Connection, guild_id: int, period: int, viewer_id: int) -> tuple[int, int]:
    """How many entries somebody has in a period, and what they add up to."""
    key = {"guild_id": guild_id, "period": period, "viewer_id": viewer_id}
    row = tx.execute(_COUNT_ROWS, key).one()
    return row.rows, row.tickets


def list_rows(
    tx: Connection, guild_id: int, period: int, viewer_id: int, limit: int, skip: int
) -> list[Entry]:
    """Somebody's entries, newest first."""
    key = {"guild_id": guild_id, "period": period, "viewer_id": viewer_id}
    found = tx.execute(_LIST_ROWS, key | {"limit": limit, "skip": skip})
    return [Entry(**row) for row in found.mappings()]


@dataclass(frozen=True, slots=True)
class Taken:
    """A raffle in which there were tickets.

    Attributes:
        viewers: how many had some.
        won: of the viewer asked for, how many prizes; of all, how many were drawn.
    """

    number: int
    ends_at: datetime
    tickets: int
    viewers: int
    won: int


_LIST_TAKEN = """
    SELECT p.number, p.ends_at, sum(b.tickets)::bigint AS tickets, count(*) AS viewers,
           (SELECT count(*) FROM raffle_picks AS k
             WHERE k.guild_id = p.guild_id AND k.period = p.number
               AND k.state IN ('drawn', 'claimed', 'delivered') {won}) AS won
      FROM raffle_periods AS p
      JOIN raffle_balances AS b ON b.guild_id = p.guild_id AND b.period = p.number
     WHERE p.guild_id = :guild_id AND b.tickets > 0 {had}
     GROUP BY p.guild_id, p.number, p.ends_at
     ORDER BY p.number DESC LIMIT 12
"""
_TAKEN = text(_LIST_TAKEN.format(won="", had=""))
_TAKEN_BY = text(
    _LIST_TAKEN.format(won="AND k.viewer_id = :viewer_id", had="AND b.viewer_id = :viewer_id")
)


def list_taken(tx: Connection, guild_id: int, viewer_id: int | None) -> list[Taken]:
    """The last raffles with tickets, of a viewer or of all, newest first."""
    if viewer_id is None:
        found = tx.execute(_TAKEN, {"guild_id": guild_id})
    else:
        found = tx.execute(_TAKEN_BY, {"guild_id": guild_id, "viewer_id": viewer_id})
    return [Taken(**row) for row in found.mappings()]
