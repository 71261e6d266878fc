"""Queries about who has how many tickets, and why.

Viewers who are not linked, or are excluded, are not in the pool: they have no rank and no chance,
but keep their tickets. Once the list is frozen, the pool is exactly that list, whatever happens to
links and exclusions afterwards.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Row, func, select, text

from core.kit.work import Work
from core.people.exclusions.store import excluded_from
from core.raffle.records import Entry, SourceTotal

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


class Pool(NamedTuple):
    """All who can win, and their tickets together."""

    viewers: int
    tickets: int


_GET_POOL = text(
    _POOL + "SELECT count(*) AS viewers, COALESCE(sum(tickets), 0)::bigint AS tickets FROM pool"
)


def get_pool(work: Work, period: int) -> Pool:
    """How many can win now, and how many tickets they have."""
    return Pool(*work.tx.execute(_GET_POOL, _where(work, period)).one())


def _where(work: Work, period: int, **more: Any) -> dict[str, Any]:
    return {"guild_id": work.guild_id, "period": period, "now": work.now, **more}


class Own(NamedTuple):
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


def get_own(work: Work, period: int, viewer_id: int) -> Own:
    """A viewer's tickets, and how they compare."""
    row = work.tx.execute(_GET_OWN, _where(work, period, viewer_id=viewer_id)).one()
    theirs = (SourceTotal.viewer_id == viewer_id, SourceTotal.period == period)
    sources = list_sources(work, *theirs)
    return Own(row.tickets, sources, row.rank, row.linked, Pool(row.viewers, row.all_tickets))


def list_sources(work: Work, *which: ColumnElement[bool]) -> Sequence[tuple[str, int]]:
    """Source and sum of such totals, the largest first."""
    added = func.sum(SourceTotal.tickets).cast(BigInteger)
    found = select(SourceTotal.source, added).where(*which).group_by(SourceTotal.source)
    return work.execute(found.order_by(added.desc(), SourceTotal.source)).all()


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
    work: Work, period: int, limit: int, skip: int, own_id: int | None
) -> tuple[list[Row[Any]], Row[Any] | None]:
    """So many places after the first ones, and the viewer's own."""
    where = _where(work, period, limit=limit, skip=skip, own_id=own_id)
    rows = work.tx.execute(_LIST_PLACES, where).all()
    own = next((row for row in rows if row.viewer_id == own_id), None)
    return [row for row in rows if row.on_page], own


def count_entries(work: Work, period: int, viewer_id: int) -> tuple[int, int]:
    """How many entries somebody has in a raffle, and what they add up to."""
    total = func.coalesce(func.sum(Entry.amount), 0).cast(BigInteger)
    theirs = (Entry.period == period, Entry.viewer_id == viewer_id)
    count, tickets = work.execute(select(func.count(), total).where(*theirs)).one()
    return count, tickets


def list_entries(work: Work, period: int, viewer_id: int, limit: int, skip: int) -> Sequence[Entry]:
    """Somebody's entries, newest first."""
    theirs = select(Entry).where(Entry.period == period, Entry.viewer_id == viewer_id)
    return work.scalars(theirs.order_by(Entry.id.desc()).limit(limit).offset(skip)).all()


_LIST_TAKEN = text("""
    SELECT p.number, p.ends_at, sum(b.tickets)::bigint AS tickets, count(*) AS viewers,
           (SELECT count(*) FROM raffle_picks AS k
             WHERE k.guild_id = p.guild_id AND k.period = p.number
               AND k.state IN ('drawn', 'claimed', 'delivered')
               AND (CAST(:viewer_id AS bigint) IS NULL OR k.viewer_id = :viewer_id)) AS won
      FROM raffle_periods AS p
      JOIN raffle_balances AS b ON b.guild_id = p.guild_id AND b.period = p.number
     WHERE p.guild_id = :guild_id AND b.tickets > 0
       AND (CAST(:viewer_id AS bigint) IS NULL OR b.viewer_id = :viewer_id)
     GROUP BY p.guild_id, p.number, p.ends_at
     ORDER BY p.number DESC LIMIT 12
""")


def list_taken(work: Work, viewer_id: int | None) -> Sequence[Row[Any]]:
    """The last raffles in which there were tickets, newest first; with a viewer, theirs.

    `viewers` is how many had some, `won` how many prizes were won.
    """
    whose = {"guild_id": work.guild_id, "viewer_id": viewer_id}
    return work.tx.execute(_LIST_TAKEN, whose).all()
