"""The statements about writing many entries at once, and about what was watched and wagered.

Locks, in this order: the calendar (`core.raffle.store.lock_periods`), the period's row, then
balances. Whoever posts to several balances holds the period's row with `hold_open`, so that two of
them never wait for each other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text

from core.kit.database import among
from core.kit.work import ACROSS_GUILDS
from core.people.exclusions.store import select_excluded
from core.people.records import Link
from core.raffle.ledger.rules import Rate
from core.raffle.ledger.tables import rates, reached
from core.raffle.records import Balance, Entry, Source

entries, balances = Entry.__table__, Balance.__table__

# -- the ledger -----------------------------------------------------------------------------------

_HOLD = text("""
    SELECT number FROM raffle_periods AS p
     WHERE p.guild_id = :guild_id AND number = :number AND state = 'open'
       FOR NO KEY UPDATE
""")


def hold_open(tx: Connection, guild_id: int, number: int) -> bool:
    """Let nobody freeze the period or post to several balances of it until this transaction ends;
    False when it takes no tickets any more."""
    return tx.execute(_HOLD, {"guild_id": guild_id, "number": number}).first() is not None


@dataclass(frozen=True, slots=True)
class NewEntry:
    """Tickets to be written down; `key` is of the cause."""

    viewer_id: int
    amount: int
    key: str
    at: datetime


_READY_BALANCES = text("""
    INSERT INTO raffle_balances (guild_id, period, viewer_id, tickets)
    SELECT :guild_id, :period, viewer_id, 0
      FROM (SELECT DISTINCT unnest(CAST(:viewer_ids AS bigint[])) AS viewer_id) AS holders
        ON CONFLICT ON CONSTRAINT raffle_balances_once DO NOTHING
""")
_POST_ENTRIES = text("""
    WITH posted AS (
        INSERT INTO raffle_entries (guild_id, period, viewer_id, source, amount, source_key, at)
        SELECT :guild_id, :period, viewer_id, :source, amount, key, at
          FROM unnest(CAST(:viewer_ids AS bigint[]), CAST(:amounts AS bigint[]),
                      CAST(:keys AS text[]), CAST(:ats AS timestamptz[]))
                   AS entry (viewer_id, amount, key, at)
            ON CONFLICT ON CONSTRAINT raffle_entries_once DO NOTHING
        RETURNING viewer_id, amount
    ), sums AS (
        SELECT viewer_id, sum(amount) AS amount FROM posted GROUP BY viewer_id
    ), added AS (
        UPDATE raffle_balances AS b SET tickets = b.tickets + sums.amount
          FROM sums
         WHERE b.guild_id = :guild_id AND b.period = :period AND b.viewer_id = sums.viewer_id
    )
    SELECT count(*) FROM posted
""")


def post_entries(
    tx: Connection, guild_id: int, period: int, source: Source, new: Sequence[NewEntry]
) -> int:
    """Write many entries and add them to the balances; returns how many were new. Hold the period
    with `hold_open`."""
    if not new:
        return 0
    viewer_ids = [entry.viewer_id for entry in new]
    where = {"guild_id": guild_id, "period": period, "viewer_ids": viewer_ids}
    tx.execute(_READY_BALANCES, where)
    written = tx.execute(
        _POST_ENTRIES,
        {
            **where,
            "source": source,
            "amounts": [entry.amount for entry in new],
            "keys": [entry.key for entry in new],
            "ats": [entry.at for entry in new],
        },
    )
    return int(written.scalar_one())


def get_balance(tx: Connection, guild_id: int, period: int, viewer_id: int) -> int:
    """What somebody has."""
    return get_balances(tx, guild_id, period, [viewer_id]).get(viewer_id, 0)


def get_balances(
    tx: Connection, guild_id: int, period: int, viewer_ids: Collection[int]
) -> dict[int, int]:
    """Viewer id -> tickets, for those of them who ever had any."""
    found = tx.execute(
        select(balances.c.viewer_id, balances.c.tickets).where(
            balances.c.guild_id == guild_id,
            balances.c.period == period,
            among(balances.c.viewer_id, viewer_ids),
        )
    )
    return {row.viewer_id: row.tickets for row in found}


@dataclass(frozen=True, slots=True)
class Drift:
    """A number that is not the sum it stands for; there is none unless something is broken.

    Attributes:
        what: the balance, or the source whose tickets are kept besides.
        kept: as it was kept.
        summed: as the entries add up.
    """

    what: str
    guild_id: int
    period: int
    viewer_id: int
    kept: int
    summed: int


_LIST_DRIFT = text("""
    WITH sums AS (
        SELECT guild_id, period, viewer_id, sum(amount) AS summed
          FROM raffle_entries GROUP BY 1, 2, 3
    ), sums_of_sources AS (
        SELECT guild_id, period, viewer_id, source, sum(amount) AS summed
          FROM raffle_entries WHERE source IN ('watchtime', 'wager') GROUP BY 1, 2, 3, 4
    )
    SELECT 'balance' AS what, guild_id, period, viewer_id,
           COALESCE(tickets, 0) AS kept, COALESCE(summed, 0)::bigint AS summed
      FROM raffle_balances FULL JOIN sums USING (guild_id, period, viewer_id)
     WHERE COALESCE(tickets, 0) <> COALESCE(summed, 0)
    UNION ALL
    SELECT source, guild_id, period, viewer_id, COALESCE(tickets, 0), COALESCE(summed, 0)::bigint
      FROM raffle_reached
      FULL JOIN sums_of_sources USING (guild_id, period, viewer_id, source)
     WHERE COALESCE(tickets, 0) <> COALESCE(summed, 0)
     ORDER BY 2, 3, 4, 1
""").execution_options(**ACROSS_GUILDS)


def list_drift(tx: Connection) -> list[Drift]:
    """Every kept number that is not the sum of its entries. Reads the whole ledger."""
    return [Drift(**row) for row in tx.execute(_LIST_DRIFT).mappings()]


def count_ledger(tx: Connection) -> tuple[int, int]:
    """How many entries there are, and how many balances."""
    counted = (select(func.count()).select_from(table).scalar_subquery() for table in _LEDGER)
    return tuple(tx.execute(select(*counted).execution_options(**ACROSS_GUILDS)).one())


_LEDGER = (entries, balances)

# -- watching and wagers --------------------------------------------------------------------------


def list_rates(tx: Connection, guild_id: int, period: int, source: Source) -> list[Rate]:
    """What an hour, or whatever the unit is, was worth from when on, oldest first."""
    found = tx.execute(
        select(rates.c.holds_from, rates.c.tickets)
        .where(rates.c.guild_id == guild_id, rates.c.period == period, rates.c.source == source)
        .order_by(rates.c.holds_from)
    )
    return [Rate(**row) for row in found.mappings()]


def add_rate(tx: Connection, guild_id: int, period: int, source: Source, rate: Rate) -> None:
    """From then on it is worth this."""
    tx.execute(
        insert(rates).values(
            guild_id=guild_id,
            period=period,
            source=source,
            holds_from=rate.holds_from,
            tickets=rate.tickets,
        )
    )


def list_watchers(tx: Connection, guild_id: int, viewer_ids: Collection[int]) -> list[int]:
    """Those of the viewers whose account is linked and who are not excluded from watchtime."""
    found = select(Link.viewer_id).where(
        Link.guild_id == guild_id,
        Link.viewer_id.not_in(select_excluded(guild_id, "watchtime")),
        among(Link.viewer_id, viewer_ids),
    )
    return list(tx.scalars(found.order_by(Link.viewer_id)).all())


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the ledger is with what somebody earned from one source."""

    tickets: int
    step: int


def list_reached(
    tx: Connection,
    guild_id: int,
    period: int,
    source: Source,
    viewer_ids: Collection[int] | None = None,
) -> dict[int, Reached]:
    """Viewer id -> tickets from the source so far, of everyone or of these."""
    wanted = select(reached.c.viewer_id, reached.c.tickets, reached.c.step).where(
        reached.c.guild_id == guild_id, reached.c.period == period, reached.c.source == source
    )
    if viewer_ids is not None:
        wanted = wanted.where(among(reached.c.viewer_id, viewer_ids))
    found = tx.execute(wanted).all()
    return {viewer_id: Reached(tickets, step) for viewer_id, tickets, step in found}


_SET_REACHED = text("""
    INSERT INTO raffle_reached AS r (guild_id, period, source, viewer_id, tickets, step)
    SELECT :guild_id, :period, :source, viewer_id, tickets, step
      FROM unnest(CAST(:viewer_ids AS bigint[]), CAST(:tickets AS bigint[]),
                  CAST(:steps AS integer[])) AS now (viewer_id, tickets, step)
        ON CONFLICT ON CONSTRAINT raffle_reached_once
        DO UPDATE SET tickets = excluded.tickets, step = excluded.step
""")


def set_reached(
    tx: Connection, guild_id: int, period: int, source: Source, now: Mapping[int, Reached]
) -> None:
    """The ledger is so far with everybody. Hold the period with `hold_open`."""
    tx.execute(
        _SET_REACHED,
        {
            "guild_id": guild_id,
            "period": period,
            "source": source,
            "viewer_ids": list(now),
            "tickets": [one.tickets for one in now.values()],
            "steps": [one.step for one in now.values()],
        },
    )
