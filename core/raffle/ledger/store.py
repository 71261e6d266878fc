"""Queries about entries, balances and gifts. Those over many rows are single statements.

Whoever posts entries for several viewers holds the raffle with `hold_open`, so that two
transactions never wait for each other's balances.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from core.kit.database import among
from core.kit.work import ACROSS_GUILDS, Work
from core.people.exclusions.store import select_excluded
from core.people.records import Link
from core.raffle.ledger.records import Gift, Reached, TicketRate
from core.raffle.ledger.rules import Rate
from core.raffle.records import Balance, Entry, Period, Source

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
        SELECT viewer_id, sum(amount) AS amount FROM posted GROUP BY viewer_id
    ), added AS (
        UPDATE raffle_balances AS b SET tickets = b.tickets + sums.amount
          FROM sums
         WHERE b.guild_id = :guild_id AND b.period = :period AND b.viewer_id = sums.viewer_id
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
    """Write tickets into the ledger and into the balances; returns how many entries were new: a
    cause counts once.

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
    return dict(found.tuples().all())


class Drift(NamedTuple):
    """A cached number that is not the sum of its entries, because something is broken.

    Attributes:
        what: the balance, or the source whose tickets are counted in `Reached`.
    """

    what: str
    guild_id: int
    period: int
    viewer_id: int
    cached: int
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
           COALESCE(tickets, 0), COALESCE(summed, 0)::bigint
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
    """Every cached number that is not the sum of its entries. Reads the ledgers of all guilds."""
    return [Drift(*row) for row in tx.execute(_LIST_DRIFT)]


def count_ledger(tx: Connection) -> tuple[int, int]:
    """How many entries there are, and how many balances."""
    counted = (select(func.count()).select_from(one).scalar_subquery() for one in (Entry, Balance))
    return tuple(tx.execute(select(*counted).execution_options(**ACROSS_GUILDS)).one())


# -- time watched and wagers ----------------------------------------------------------------------


def list_rates(work: Work, period: int, source: Source) -> list[Rate]:
    """What a unit of the source was worth, oldest first."""
    found = work.execute(
        select(TicketRate.valid_from, TicketRate.tickets)
        .where(TicketRate.period == period, TicketRate.source == source)
        .order_by(TicketRate.valid_from)
    )
    return [Rate(*row) for row in found]


def list_watchers(work: Work, viewer_ids: Collection[int]) -> list[int]:
    """Those of the viewers whose account is linked and who are not excluded from watchtime."""
    found = select(Link.viewer_id).where(
        Link.guild_id == work.guild_id,
        Link.viewer_id.not_in(select_excluded(work.guild_id, "watchtime")),
        among(Link.viewer_id, viewer_ids),
    )
    return list(work.tx.scalars(found.order_by(Link.viewer_id)))


class Credited(NamedTuple):
    """What is in the ledger of what somebody earned from one source; see `Reached`."""

    tickets: int = 0
    step: int = 0


def list_credited(
    work: Work, period: int, source: Source, viewer_ids: Collection[int] | None = None
) -> dict[int, Credited]:
    """Viewer id -> tickets from the source so far, of everyone or of these."""
    wanted = select(Reached.viewer_id, Reached.tickets, Reached.step).where(
        Reached.period == period, Reached.source == source
    )
    if viewer_ids is not None:
        wanted = wanted.where(among(Reached.viewer_id, viewer_ids))
    return {row.viewer_id: Credited(row.tickets, row.step) for row in work.execute(wanted)}


_SET_REACHED = text("""
    INSERT INTO raffle_reached AS r (guild_id, period, source, viewer_id, tickets, step)
    SELECT :guild_id, :period, :source, viewer_id, tickets, step
      FROM unnest(CAST(:viewer_ids AS bigint[]), CAST(:tickets AS bigint[]),
                  CAST(:steps AS integer[])) AS now (viewer_id, tickets, step)
        ON CONFLICT ON CONSTRAINT raffle_reached_once
        DO UPDATE SET tickets = excluded.tickets, step = excluded.step
""")


def set_credited(work: Work, period: int, source: Source, now: Mapping[int, Credited]) -> None:
    """Record how far the ledger is. Hold the raffle with `hold_open`."""
    values = {
        "guild_id": work.guild_id,
        "period": period,
        "source": source,
        "viewer_ids": list(now),
        "tickets": [one.tickets for one in now.values()],
        "steps": [one.step for one in now.values()],
    }
    work.tx.execute(_SET_REACHED, values)


# -- gifted subs ----------------------------------------------------------------------------------


def add_gift(work: Work, key: str, viewer_id: int | None, drop: str, at: datetime) -> bool:
    """Record a gifted sub; False if it was known."""
    values = {"key": key, "viewer_id": viewer_id, "drop": drop, "at": at}
    added = work.execute(
        insert(Gift)
        .values(values)
        .on_conflict_do_nothing(constraint="raffle_gifts_once")
        .returning(Gift.key)
    )
    return added.first() is not None


class WaitingGift(NamedTuple):
    """A gifted sub that no raffle has taken yet."""

    key: str
    viewer_id: int
    at: datetime


# A gift belongs to the raffle in which it was made. If that was frozen before the gift was known,
# the next one that takes tickets gets it, so that nothing that was paid for is lost.
_LIST_WAITING = text("""
    SELECT g.key, g.viewer_id, g.at
      FROM raffle_gifts AS g
     WHERE g.guild_id = :guild_id AND g.credited_in IS NULL AND g.voided_at IS NULL
       AND g.viewer_id IS NOT NULL AND g.at < :ends_at
       AND EXISTS (SELECT FROM raffle_periods AS p
                    WHERE p.guild_id = g.guild_id AND p.starts_at <= g.at AND g.at < p.ends_at
                      AND (p.number = :number
                           OR p.state <> 'open' AND p.starts_at < :starts_at))
     ORDER BY g.at, g.key
""")


def list_waiting_gifts(work: Work, period: Period) -> list[WaitingGift]:
    """The gifts that an open raffle is to take and has not."""
    values = {
        "guild_id": work.guild_id,
        "number": period.number,
        "starts_at": period.starts_at,
        "ends_at": period.ends_at,
    }
    return [WaitingGift(*row) for row in work.tx.execute(_LIST_WAITING, values)]


def set_gifts(work: Work, keys: Collection[str], /, **values: object) -> None:
    """Change columns of many gifts."""
    changed = update(Gift).where(among(Gift.key, keys)).values(values)
    work.execute(changed, execution_options={"synchronize_session": False})


class Drop(NamedTuple):
    """What somebody gave at one instant.

    Attributes:
        viewer_id: None for an anonymous gift.
        name: the giver's current one; "" for an anonymous gift.
        linked: their account is linked.
        gifts: how many subs, without voided ones.
        tickets: in the ledger for those.
        credited_in: the raffle that took it; None while none has.
    """

    drop: str
    viewer_id: int | None
    name: str
    linked: bool
    at: datetime
    gifts: int
    voided: int
    tickets: int
    credited_in: int | None


_DROPS = """
    SELECT g.drop, g.viewer_id, COALESCE(v.name, ''), l.discord_id IS NOT NULL, min(g.at),
           count(*) FILTER (WHERE g.voided_at IS NULL), count(g.voided_at),
           COALESCE(sum(g.tickets) FILTER (WHERE g.voided_at IS NULL), 0)::bigint,
           max(g.credited_in)
      FROM raffle_gifts AS g
      LEFT JOIN people_viewers AS v ON v.guild_id = g.guild_id AND v.viewer_id = g.viewer_id
      LEFT JOIN people_links AS l ON l.guild_id = g.guild_id AND l.viewer_id = g.viewer_id
     WHERE g.guild_id = :guild_id AND {which}
     GROUP BY g.drop, g.viewer_id, v.name, l.discord_id
     ORDER BY min(g.at) DESC, g.drop LIMIT :most
"""
_FIND_DROP = text(_DROPS.format(which="g.drop = :drop"))
_LIST_DROPS = text(_DROPS.format(which="g.viewer_id = :viewer_id"))


def find_drop(work: Work, drop: str) -> Drop | None:
    """What was given at this instant."""
    values = {"guild_id": work.guild_id, "drop": drop, "most": 1}
    row = work.tx.execute(_FIND_DROP, values).first()
    return Drop(*row) if row else None


def list_drops(work: Work, viewer_id: int, most: int) -> list[Drop]:
    """What somebody gave last, newest first."""
    values = {"guild_id": work.guild_id, "viewer_id": viewer_id, "most": most}
    return [Drop(*row) for row in work.tx.execute(_LIST_DROPS, values)]


def list_unannounced(tx: Connection) -> list[tuple[int, str]]:
    """Guild and drop of gifts that are not announced, in all guilds, oldest first."""
    found = (
        select(Gift.guild_id, Gift.drop)
        .where(~Gift.announced)
        .group_by(Gift.guild_id, Gift.drop)
        .order_by(func.min(Gift.at), Gift.drop)
    )
    rows = tx.execute(found.execution_options(**ACROSS_GUILDS))
    return [(row.guild_id, row.drop) for row in rows]


def set_announced(work: Work, drop: str) -> bool:
    """Mark the gifts of a drop as announced; False if all of them were."""
    changed = update(Gift).where(Gift.drop == drop, ~Gift.announced).values(announced=True)
    return work.execute(changed.returning(Gift.key)).first() is not None


def list_credited_in(work: Work, which: ColumnElement[bool]) -> Sequence[int]:
    """The numbers of the raffles that took such gifts, in order."""
    found = select(Gift.credited_in).where(which, Gift.credited_in.is_not(None))
    numbers = work.scalars(found.distinct().order_by(Gift.credited_in))
    return [number for number in numbers if number is not None]


def lock_gifts(work: Work, which: ColumnElement[bool]) -> Sequence[Gift]:
    """Such gifts in the order of their keys, without voided ones. Nobody else changes them until
    the transaction ends."""
    found = select(Gift).where(which, Gift.voided_at.is_(None)).order_by(Gift.key)
    return work.scalars(
        found.with_for_update(), execution_options={"populate_existing": True}
    ).all()
