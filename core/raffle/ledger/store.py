"""Queries about tickets. Queries over many rows are set-based."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    bindparam,
    func,
    literal,
    select,
    text,
)

from core.kit.database.connection import among
from core.kit.database.work import ACROSS_GUILDS, Work
from core.kit.discord.paginator import nearest_page
from core.people.exclusions.store import excluded_from, select_excluded
from core.people.lookup import has_name
from core.people.records import Link, Viewer
from core.people.store import is_since_forgotten, list_persons
from core.raffle.records import Balance, Entry, Period, Source, SourceTotal, TicketRate
from core.raffle.rules import Rate


def _given(work: Work, period: int, **more: Any) -> dict[str, Any]:
    return {"guild_id": work.guild_id, "period": period, "now": work.now, **more}


# -- entries and balances -------------------------------------------------------------------------


class NewEntry(NamedTuple):
    """Tickets to be posted; `key` is the natural key of their cause."""

    viewer_id: int
    amount: int
    key: str
    at: datetime


_ADD_BALANCES = text("""
    INSERT INTO raffle_balances (guild_id, period, viewer_id, tickets)
    SELECT :guild_id, :period, viewer_id, 0
      FROM (SELECT DISTINCT unnest(CAST(:viewer_ids AS bigint[])) AS viewer_id) AS holders
        ON CONFLICT ON CONSTRAINT raffle_balances_once DO NOTHING
""")
_POST_ENTRIES = text("""
    WITH posted AS (
        INSERT INTO raffle_entries (guild_id, period, viewer_id, source, amount, source_key, at,
                                    reason, actor)
        SELECT :guild_id, :period, viewer_id, :source, amount, key, at, :reason,
               CAST(:actor AS bigint)
          FROM unnest(CAST(:viewer_ids AS bigint[]), CAST(:amounts AS bigint[]),
                      CAST(:keys AS text[]), CAST(:ats AS timestamptz[]))
                   AS entry (viewer_id, amount, key, at)
            ON CONFLICT ON CONSTRAINT raffle_entries_once DO NOTHING
        RETURNING viewer_id, amount
    ), sums AS (
        SELECT viewer_id, sum(amount) AS amount, count(*) AS entries FROM posted GROUP BY viewer_id
    ), added AS (
        UPDATE raffle_balances AS b SET tickets = b.tickets + sums.amount
          FROM sums
         WHERE b.guild_id = :guild_id AND b.period = :period AND b.viewer_id = sums.viewer_id
    ), added_to_source AS (
        INSERT INTO raffle_source_totals AS t
                    (guild_id, period, source, viewer_id, tickets, entries)
        SELECT :guild_id, :period, :source, viewer_id, amount, entries FROM sums
            ON CONFLICT ON CONSTRAINT raffle_source_totals_once
            DO UPDATE SET tickets = t.tickets + excluded.tickets,
                          entries = t.entries + excluded.entries
    )
    SELECT count(*) FROM posted
""")


def post_entries(
    work: Work,
    period: int,
    source: Source,
    new: Sequence[NewEntry],
    *,
    reason: str = "",
    actor: int | None = None,
) -> int:
    """Write entries and update the balances and the source's totals; returns the number of new
    entries, because a cause counts once. For several viewers call `hold_open` first, so that two
    transactions never wait for each other's balances.

    Raises:
        IntegrityError: `raffle_entries_only_while_open`, the raffle takes no more tickets;
            `raffle_balances_never_below_zero`, there are fewer tickets than are taken away.
    """
    if not new:
        return 0
    columns = [list(column) for column in zip(*new, strict=True)]
    names = ("viewer_ids", "amounts", "keys", "ats")
    values: dict[str, Any] = dict(zip(names, columns, strict=True))
    values |= {"guild_id": work.guild_id, "period": period}
    work.tx.execute(_ADD_BALANCES, values)
    values |= {"source": source, "reason": reason, "actor": actor}
    return int(work.tx.execute(_POST_ENTRIES, values).scalar_one())


_BALANCES = select(Balance.viewer_id, Balance.tickets).where(Balance.period == bindparam("period"))


def get_balance(work: Work, period: int, viewer_id: int) -> int:
    """How many tickets the person with this account has."""
    accounts = list_persons(work.tx, work.guild_id, [viewer_id])
    return sum(get_balances(work, period, accounts).values())


def entries_for(
    work: Work, period: int, viewer_id: int, amount: int, key: str, at: datetime
) -> list[NewEntry]:
    """Entries that give or remove tickets of this account; tickets it does not have are removed
    from the same person's other accounts. The first entry has the key. Hold the period's lock.

    Args:
        amount: may remove as much as the person has.
    """
    if amount >= 0:
        return [NewEntry(viewer_id, amount, key, at)] if amount else []
    accounts = list_persons(work.tx, work.guild_id, [viewer_id])
    balances = get_balances(work, period, accounts)
    own_first = sorted(accounts, key=lambda account: (account != viewer_id, account))
    taken = take(-amount, [(account, balances.get(account, 0)) for account in own_first])
    return [
        NewEntry(account, -part, key if number == 0 else f"{key}:{account}", at)
        for number, (account, part) in enumerate(taken.items())
    ]


def take(amount: int, available: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Viewer id -> tickets to remove (above zero), for a total of `amount`; in this order, up to
    each balance."""
    taken: dict[int, int] = {}
    for viewer_id, maximum in available:
        part = min(amount, maximum - taken.get(viewer_id, 0))
        if part > 0:
            taken[viewer_id] = taken.get(viewer_id, 0) + part
            amount -= part
    return taken


def get_balances(work: Work, period: int, viewer_ids: Collection[int]) -> dict[int, int]:
    """Viewer id -> tickets, for those who ever had any."""
    found = work.execute(_BALANCES.where(among(Balance.viewer_id, viewer_ids)), {"period": period})
    return dict(found.all())


_LIST_DRIFT = text("""
    WITH cached AS (
        SELECT 'balance' AS what, guild_id, period, viewer_id, tickets FROM raffle_balances
        UNION ALL
        SELECT source, guild_id, period, viewer_id, tickets FROM raffle_source_totals
    ), entries AS (
        SELECT what, guild_id, period, viewer_id, sum(amount)::bigint AS tickets
          FROM raffle_entries, LATERAL (VALUES ('balance'), (source)) AS counted (what)
         GROUP BY what, guild_id, period, viewer_id
    )
    SELECT what, guild_id, period, viewer_id,
           COALESCE(cached.tickets, 0) AS cached, COALESCE(entries.tickets, 0) AS summed
      FROM cached FULL JOIN entries USING (what, guild_id, period, viewer_id)
     WHERE COALESCE(cached.tickets, 0) <> COALESCE(entries.tickets, 0)
     ORDER BY guild_id, period, viewer_id, what
""").execution_options(**ACROSS_GUILDS)


def list_drift(tx: Connection) -> Sequence[Row[Any]]:
    """Every balance and source total that is not the sum of its entries, which must never happen.
    Reads the ledgers of all guilds."""
    return tx.execute(_LIST_DRIFT).all()


def count_ledger(tx: Connection) -> tuple[int, int]:
    """How many entries there are, and how many balances."""
    counted = (
        select(func.count()).select_from(table).scalar_subquery() for table in (Entry, Balance)
    )
    return tuple(tx.execute(select(*counted).execution_options(**ACROSS_GUILDS)).one())


# -- time watched and wagers ----------------------------------------------------------------------


def list_rates(work: Work, period: int, source: Source) -> list[Rate]:
    """What a unit of the source was worth, oldest first."""
    wanted = select(TicketRate.valid_from, TicketRate.tickets).where(
        TicketRate.period == period, TicketRate.source == source
    )
    return [(at, tickets) for at, tickets in work.execute(wanted.order_by(TicketRate.valid_from))]


def list_watchers(work: Work, viewer_ids: Collection[int]) -> list[int]:
    """Those of these people whose account is linked and who are not excluded from watchtime."""
    found = select(Link.viewer_id).where(
        Link.guild_id == work.guild_id,
        Link.viewer_id.not_in(select_excluded(work.guild_id, "watchtime")),
        among(Link.viewer_id, viewer_ids),
    )
    return list(work.tx.scalars(found.order_by(Link.viewer_id)))


def list_totals(
    work: Work, period: int, source: Source, viewer_ids: Collection[int] | None = None
) -> dict[int, tuple[int, int]]:
    """Viewer id -> tickets from the source so far and the number of their entries, of everyone or
    of these."""
    wanted = select(SourceTotal.viewer_id, SourceTotal.tickets, SourceTotal.entries).where(
        SourceTotal.period == period, SourceTotal.source == source
    )
    if viewer_ids is not None:
        wanted = wanted.where(among(SourceTotal.viewer_id, viewer_ids))
    return {viewer_id: (tickets, entries) for viewer_id, tickets, entries in work.execute(wanted)}


# -- who has how many, and why --------------------------------------------------------------------

# Viewers who are not linked, or are excluded, are not in the pool: they have no rank and no chance,
# but keep their tickets. All accounts of a person are one, under the one that represents them.
# Once the list is frozen, the pool is exactly that list, whatever happens to links and exclusions
# afterwards.
_EXCLUDED = excluded_from("raffle", at=":now")

# Which half of the pool is read is decided once, before any row is.
_POOL = f"""
    WITH shared AS (
        SELECT v.viewer_id, v.represented_by FROM people_viewers AS v
         WHERE v.guild_id = :guild_id AND v.represented_by IS NOT NULL
    ), held AS (
        SELECT COALESCE(b.listed_as, b.viewer_id) AS viewer_id, b.tickets
          FROM raffle_balances AS b
         WHERE (SELECT frozen_at IS NOT NULL FROM raffle_periods AS p
                 WHERE p.guild_id = :guild_id AND number = :period)
           AND b.guild_id = :guild_id AND b.period = :period AND b.tickets > 0 AND NOT b.left_out
         UNION ALL
        SELECT COALESCE(shared.represented_by, b.viewer_id), b.tickets
          FROM raffle_balances AS b
          LEFT JOIN shared USING (viewer_id)
          JOIN people_links l ON l.guild_id = b.guild_id AND l.viewer_id = b.viewer_id
         WHERE (SELECT frozen_at IS NULL FROM raffle_periods AS p
                 WHERE p.guild_id = :guild_id AND number = :period)
           AND b.guild_id = :guild_id AND b.period = :period AND b.tickets > 0
           AND b.viewer_id NOT IN {_EXCLUDED}
    ), pool AS (
        SELECT viewer_id, sum(tickets)::bigint AS tickets FROM held GROUP BY viewer_id
    )
"""


class Pool(NamedTuple):
    """All eligible viewers and the sum of their tickets."""

    viewers: int
    tickets: int


_GET_POOL = text(
    _POOL + "SELECT count(*) AS viewers, COALESCE(sum(tickets), 0)::bigint AS tickets FROM pool"
)


def get_pool(work: Work, period: int) -> Pool:
    """The number of eligible viewers and of their tickets."""
    return Pool(*work.tx.execute(_GET_POOL, _given(work, period)).one())


class Own(NamedTuple):
    """A viewer's tickets, and the pool of eligible viewers."""

    tickets: int
    sources: Sequence[tuple[str, int]]  # the largest first
    rank: int | None  # shared by equals; None if they cannot win
    linked: bool
    pool: Pool


_GET_OWN = text(
    _POOL
    + """
    SELECT COALESCE((SELECT sum(tickets) FROM raffle_balances AS b
                      WHERE b.guild_id = :guild_id AND period = :period
                        AND viewer_id = ANY(:viewer_ids)), 0)::bigint AS tickets,
           (SELECT 1 + (SELECT count(*) FROM pool WHERE pool.tickets > mine.tickets)
              FROM pool mine WHERE mine.viewer_id = ANY(:viewer_ids)
             ORDER BY mine.tickets DESC LIMIT 1) AS rank,
           EXISTS (SELECT FROM people_links
                    WHERE people_links.guild_id = :guild_id
                      AND viewer_id = ANY(:viewer_ids)) AS linked,
           (SELECT count(*) FROM pool) AS viewers,
           COALESCE((SELECT sum(tickets) FROM pool), 0)::bigint AS all_tickets
"""
)


def get_own(work: Work, period: int, viewer_id: int) -> Own:
    """The tickets of the person with this account, and how they compare."""
    accounts = list(list_persons(work.tx, work.guild_id, [viewer_id]))
    row = work.tx.execute(_GET_OWN, _given(work, period, viewer_ids=accounts)).one()
    theirs = (SourceTotal.viewer_id.in_(accounts), SourceTotal.period == period)
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
    """A slice of the leaderboard, and the place of the person this account represents."""
    where = _given(work, period, limit=limit, skip=skip, own_id=own_id)
    rows = work.tx.execute(_LIST_PLACES, where).all()
    own = next((row for row in rows if row.viewer_id == own_id), None)
    return [row for row in rows if row.on_page], own


def count_entries(work: Work, period: int, viewer_id: int) -> tuple[int, int]:
    """How many entries a person has in a raffle, and what they add up to."""
    total = func.coalesce(func.sum(Entry.amount), 0).cast(BigInteger)
    theirs = _entries_of(work, period, viewer_id)
    count, tickets = work.execute(select(func.count(), total).where(*theirs)).one()
    return count, tickets


def list_entries(work: Work, period: int, viewer_id: int, limit: int, skip: int) -> Sequence[Entry]:
    """A person's entries, newest first."""
    theirs = select(Entry).where(*_entries_of(work, period, viewer_id))
    return work.scalars(theirs.order_by(Entry.id.desc()).limit(limit).offset(skip)).all()


def _entries_of(work: Work, period: int, viewer_id: int) -> tuple[ColumnElement[bool], ...]:
    """Leaves out entries whose owner was forgotten before the freeze."""
    accounts = list(list_persons(work.tx, work.guild_id, [viewer_id]))
    raffle = work.find(Period, period)
    counts = is_since_forgotten(Entry, Entry.at, raffle.frozen_at if raffle else None)
    return Entry.period == period, Entry.viewer_id.in_(accounts), counts


MAX_SEARCHED_ENTRIES = 10_000
"""How many of a raffle's newest entries are searched; avoids an index for rare sources."""


class Filter(NamedTuple):
    """Filters for ledger entries; empty or None means no filter."""

    period: int
    source: str = ""
    name: str = ""
    since: datetime | None = None
    until: datetime | None = None


def list_ledger(
    work: Work, wanted: Filter, page: int, per_page: int
) -> tuple[Sequence[Entry], int, int, int]:
    """A page of entries, newest first, with the number of entries, the page's number and the number
    of pages."""
    which = [Entry.period == wanted.period]
    if wanted.since is not None:
        which.append(Entry.at >= wanted.since)
    if wanted.until is not None:
        which.append(Entry.at < wanted.until)
    if wanted.name:
        which.append(Entry.viewer_id.in_(select(Viewer.viewer_id).where(has_name(wanted.name))))
    newest = Entry.at.desc(), Entry.id.desc()
    # The planner does not know the number of rows; with a subquery it scans the index.
    maximum = select(literal(MAX_SEARCHED_ENTRIES)).scalar_subquery()
    searched = select(Entry.id, Entry.source).where(*which).order_by(*newest).limit(maximum)
    ids = [id for id, source in work.execute(searched) if wanted.source in ("", source)]
    number, pages = nearest_page(page, len(ids), per_page)
    shown = ids[(number - 1) * per_page : number * per_page]
    found = select(Entry).where(among(Entry.id, shown)).order_by(*newest)
    return work.scalars(found).all(), len(ids), number, pages


_LIST_TAKEN = text("""
    SELECT p.number, p.ends_at, sum(b.tickets)::bigint AS tickets,
           count(DISTINCT CASE WHEN p.frozen_at IS NULL THEN v.person_id
                               ELSE COALESCE(b.listed_as, b.viewer_id) END) AS viewers,
           (SELECT count(*) FROM raffle_picks AS k
             WHERE k.guild_id = p.guild_id AND k.period = p.number
               AND k.state IN ('drawn', 'claimed', 'delivered')
               AND (:of_all OR k.viewer_id = ANY(:viewer_ids))) AS won
      FROM raffle_periods AS p
      JOIN raffle_balances AS b ON b.guild_id = p.guild_id AND b.period = p.number
      JOIN people_viewers AS v ON v.guild_id = b.guild_id AND v.viewer_id = b.viewer_id
     WHERE p.guild_id = :guild_id AND b.tickets > 0
       AND (:of_all OR b.viewer_id = ANY(:viewer_ids))
     GROUP BY p.guild_id, p.number, p.ends_at
     ORDER BY p.number DESC LIMIT 12
""")


def list_taken(work: Work, viewer_id: int | None) -> Sequence[Row[Any]]:
    """The latest raffles with tickets, newest first; with a viewer, those in which their person had
    some.

    `viewers` is how many had some, `won` how many prizes were won.
    """
    accounts = [] if viewer_id is None else list_persons(work.tx, work.guild_id, [viewer_id])
    whose = {
        "guild_id": work.guild_id,
        "viewer_ids": list(accounts),
        "of_all": viewer_id is None,
    }
    return work.tx.execute(_LIST_TAKEN, whose).all()
