"""Queries about entries and balances. Those over many rows are single statements.

Whoever posts entries for several viewers holds the raffle with `hold_open`, so that two
transactions never wait for each other's balances.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, select, text

from core.kit.database import among
from core.kit.work import ACROSS_GUILDS, Work
from core.people.exclusions.store import select_excluded
from core.people.records import Link
from core.raffle.records import Balance, Entry, Source, SourceTotal, TicketRate
from core.raffle.rules import Rate

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
    """Write tickets into the ledger and add them to the balances and the totals of the source;
    returns how many entries were new: a cause counts once.

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
    """How many tickets somebody has."""
    return get_balances(work, period, [viewer_id]).get(viewer_id, 0)


def get_balances(work: Work, period: int, viewer_ids: Collection[int]) -> dict[int, int]:
    """Viewer id -> tickets, for those of them who ever had any."""
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
    """Every balance, and every total of a source, that is not the sum of its entries: something is
    broken. Reads the ledgers of all guilds."""
    return tx.execute(_LIST_DRIFT).all()


def count_ledger(tx: Connection) -> tuple[int, int]:
    """How many entries there are, and how many balances."""
    counted = (select(func.count()).select_from(one).scalar_subquery() for one in (Entry, Balance))
    return tuple(tx.execute(select(*counted).execution_options(**ACROSS_GUILDS)).one())


# -- time watched and wagers ----------------------------------------------------------------------


def list_rates(work: Work, period: int, source: Source) -> list[Rate]:
    """What a unit of the source was worth, oldest first."""
    wanted = select(TicketRate.valid_from, TicketRate.tickets).where(
        TicketRate.period == period, TicketRate.source == source
    )
    return [(at, tickets) for at, tickets in work.execute(wanted.order_by(TicketRate.valid_from))]


def list_watchers(work: Work, viewer_ids: Collection[int]) -> list[int]:
    """Those of the viewers whose account is linked and who are not excluded from watchtime."""
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
