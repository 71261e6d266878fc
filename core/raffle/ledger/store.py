"""The statements about what tickets come from, and about writing many entries at once.

Locks, in this order: the calendar (`core.raffle.store.lock_periods`), the period's row, then
balances. Whoever posts to several balances holds the period's row with `hold_open`, so that two of
them never wait for each other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.people.tables import links
from core.raffle.ledger.rules import Rate
from core.raffle.ledger.tables import gifts, rates, reached
from core.raffle.store import Period, Source
from core.raffle.tables import balances, entries
from core.watchtime.tables import exclusions

# -- the ledger -----------------------------------------------------------------------------------

_HOLD = text("""
    SELECT number FROM raffle_periods
     WHERE guild_id = :guild_id AND number = :number AND state = 'open'
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
        UPDATE raffle_balances b SET tickets = b.tickets + sums.amount
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
            balances.c.viewer_id == func.any(list(viewer_ids)),
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
""")


def list_drift(tx: Connection) -> list[Drift]:
    """Every kept number that is not the sum of its entries. Reads the whole ledger."""
    return [Drift(**row) for row in tx.execute(_LIST_DRIFT).mappings()]


def count_ledger(tx: Connection) -> tuple[int, int]:
    """How many entries there are, and how many balances."""
    counted = (select(func.count()).select_from(table).scalar_subquery() for table in _LEDGER)
    return tuple(tx.execute(select(*counted)).one())


_LEDGER = (entries, balances)

# -- gifted subs ----------------------------------------------------------------------------------


def add_gift(
    tx: Connection, guild_id: int, key: str, viewer_id: int | None, drop: str, at: datetime
) -> bool:
    """One sub was given; False when that was known."""
    added = tx.execute(
        upsert(gifts)
        .values(guild_id=guild_id, key=key, viewer_id=viewer_id, drop=drop, at=at)
        .on_conflict_do_nothing(constraint="raffle_gifts_once")
    )
    return added.rowcount == 1


@dataclass(frozen=True, slots=True)
class Gift:
    """One gifted sub. `viewer_id` is None for an anonymous one."""

    key: str
    viewer_id: int | None
    at: datetime


# A gift belongs to the period in which it was made; where that was frozen before the gift became
# known, to the next one that still takes tickets, so that nothing that was paid for is lost.
_LIST_WAITING = text("""
    SELECT g.key, g.viewer_id, g.at
      FROM raffle_gifts g
     WHERE g.guild_id = :guild_id AND g.credited_in IS NULL AND g.voided_at IS NULL
       AND g.viewer_id IS NOT NULL AND g.at < :ends_at
       AND EXISTS (SELECT FROM raffle_periods p
                    WHERE p.guild_id = g.guild_id AND p.starts_at <= g.at AND g.at < p.ends_at
                      AND (p.number = :number
                           OR p.state <> 'open' AND p.starts_at < :starts_at))
     ORDER BY g.at, g.key
""")


def list_waiting_gifts(tx: Connection, period: Period) -> list[Gift]:
    """The gifts that an open period is to take and has not."""
    found = tx.execute(
        _LIST_WAITING,
        {
            "guild_id": period.guild_id,
            "number": period.number,
            "starts_at": period.starts_at,
            "ends_at": period.ends_at,
        },
    )
    return [Gift(**row) for row in found.mappings()]


def set_gifts_credited(
    tx: Connection, guild_id: int, keys: Collection[str], period: int, tickets: int
) -> None:
    """These gifts are in the ledger, which is news."""
    tx.execute(
        update(gifts)
        .where(gifts.c.guild_id == guild_id, gifts.c.key == func.any(list(keys)))
        .values(credited_in=period, tickets=tickets, announced=False)
    )


@dataclass(frozen=True, slots=True)
class Drop:
    """What somebody gave at one instant.

    Attributes:
        viewer_id: None for an anonymous one.
        name: the giver's of today; "" for an anonymous one.
        linked: their account is linked.
        gifts: how many subs, without what was voided.
        voided: how many of them did not happen.
        tickets: in the ledger for those that did.
        credited_in: the period that took it; None while none has.
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
    SELECT g.drop, g.viewer_id, COALESCE(v.name, '') AS name,
           l.discord_id IS NOT NULL AS linked, min(g.at) AS at,
           count(*) FILTER (WHERE g.voided_at IS NULL) AS gifts,
           count(g.voided_at) AS voided,
           COALESCE(sum(g.tickets) FILTER (WHERE g.voided_at IS NULL), 0)::bigint AS tickets,
           max(g.credited_in) AS credited_in
      FROM raffle_gifts g
      LEFT JOIN people_viewers v ON v.guild_id = g.guild_id AND v.viewer_id = g.viewer_id
      LEFT JOIN people_links l ON l.guild_id = g.guild_id AND l.viewer_id = g.viewer_id
     WHERE g.guild_id = :guild_id AND {which}
     GROUP BY g.drop, g.viewer_id, v.name, l.discord_id
     ORDER BY min(g.at) DESC, g.drop LIMIT :most
"""
_FIND_DROP = text(_DROPS.format(which="g.drop = :drop"))
_LIST_DROPS = text(_DROPS.format(which="g.viewer_id = :viewer_id"))


def find_drop(tx: Connection, guild_id: int, drop: str) -> Drop | None:
    """What was given at once."""
    row = tx.execute(_FIND_DROP, {"guild_id": guild_id, "drop": drop, "most": 1}).mappings().first()
    return Drop(**row) if row else None


def list_drops(tx: Connection, guild_id: int, viewer_id: int, most: int) -> list[Drop]:
    """What somebody gave last, newest first."""
    key = {"guild_id": guild_id, "viewer_id": viewer_id, "most": most}
    return [Drop(**row) for row in tx.execute(_LIST_DROPS, key).mappings()]


def list_unannounced(tx: Connection) -> list[tuple[int, str]]:
    """The server and the drop of gifts that nobody was told of, oldest first."""
    found = tx.execute(
        select(gifts.c.guild_id, gifts.c.drop)
        .where(~gifts.c.announced)
        .group_by(gifts.c.guild_id, gifts.c.drop)
        .order_by(func.min(gifts.c.at), gifts.c.drop)
    )
    return [(row.guild_id, row.drop) for row in found]


def set_announced(tx: Connection, guild_id: int, drop: str) -> bool:
    """All of this drop is told; False when it was."""
    changed = tx.execute(
        update(gifts)
        .where(gifts.c.guild_id == guild_id, gifts.c.drop == drop, ~gifts.c.announced)
        .values(announced=True)
    )
    return changed.rowcount > 0


@dataclass(frozen=True, slots=True)
class Credited:
    """A gifted sub, and where it was counted, if it was."""

    key: str
    viewer_id: int | None
    credited_in: int | None
    tickets: int | None


def list_not_voided(
    tx: Connection, guild_id: int, *, key: str | None = None, drop: str | None = None
) -> list[Credited]:
    """One gift, or all of a drop, in the order of their keys; without those that were voided. They
    stay as they are until this transaction ends."""
    found = tx.execute(
        select(gifts.c.key, gifts.c.viewer_id, gifts.c.credited_in, gifts.c.tickets)
        .where(
            gifts.c.guild_id == guild_id,
            gifts.c.key == key if drop is None else gifts.c.drop == drop,
            gifts.c.voided_at.is_(None),
        )
        .order_by(gifts.c.key)
        .with_for_update()
    )
    return [Credited(**row) for row in found.mappings()]


def find_credited_in(tx: Connection, guild_id: int, key: str) -> int | None:
    """The number of the period that took a gift."""
    found = select(gifts.c.credited_in).where(gifts.c.guild_id == guild_id, gifts.c.key == key)
    return tx.execute(found).scalar()


def set_voided(tx: Connection, guild_id: int, keys: Collection[str], now: datetime) -> None:
    """These gifts did not happen after all."""
    tx.execute(
        update(gifts)
        .where(gifts.c.guild_id == guild_id, gifts.c.key == func.any(list(keys)))
        .values(voided_at=now)
    )


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


def list_watchers(tx: Connection, guild_id: int) -> list[int]:
    """The viewer ids of everybody with a linked account who earns watchtime at all."""
    earns_none = select(exclusions.c.viewer_id).where(exclusions.c.guild_id == guild_id)
    found = select(links.c.viewer_id).where(
        links.c.guild_id == guild_id, links.c.viewer_id.not_in(earns_none)
    )
    return list(tx.execute(found.order_by(links.c.viewer_id)).scalars())


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the ledger is with what somebody earned from one source."""

    tickets: int
    step: int


def list_reached(
    tx: Connection, guild_id: int, period: int, source: Source, viewer_ids: Collection[int]
) -> dict[int, Reached]:
    """Viewer id -> what the source has brought so far."""
    found = tx.execute(
        select(reached.c.viewer_id, reached.c.tickets, reached.c.step).where(
            reached.c.guild_id == guild_id,
            reached.c.period == period,
            reached.c.source == source,
            reached.c.viewer_id == func.any(list(viewer_ids)),
        )
    )
    return {row.viewer_id: Reached(row.tickets, row.step) for row in found}


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
