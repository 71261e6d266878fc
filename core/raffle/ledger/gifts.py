"""The statements about gifted subs: which there were, which raffle took them, who was told."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kit.database import among
from core.raffle.ledger.tables import gifts
from core.raffle.records import Period


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
       AND EXISTS (SELECT FROM raffle_periods AS p
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
        .where(gifts.c.guild_id == guild_id, among(gifts.c.key, keys))
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


def list_credited_in(
    tx: Connection, guild_id: int, *, key: str | None = None, drop: str | None = None
) -> list[int]:
    """The numbers of the periods that took one gift, or all of a drop."""
    found = select(gifts.c.credited_in).where(
        _which(guild_id, key, drop), gifts.c.credited_in.is_not(None)
    )
    return list(tx.execute(found.distinct().order_by(gifts.c.credited_in)).scalars())


def list_not_voided(
    tx: Connection, guild_id: int, *, key: str | None = None, drop: str | None = None
) -> list[Credited]:
    """One gift, or all of a drop, in the order of their keys; without those that were voided. They
    stay as they are until this transaction ends."""
    found = tx.execute(
        select(gifts.c.key, gifts.c.viewer_id, gifts.c.credited_in, gifts.c.tickets)
        .where(_which(guild_id, key, drop), gifts.c.voided_at.is_(None))
        .order_by(gifts.c.key)
        .with_for_update()
    )
    return [Credited(**row) for row in found.mappings()]


def _which(guild_id: int, key: str | None, drop: str | None) -> ColumnElement[bool]:
    return (gifts.c.guild_id == guild_id) & (
        gifts.c.key == key if drop is None else gifts.c.drop == drop
    )


def set_voided(tx: Connection, guild_id: int, keys: Collection[str], now: datetime) -> None:
    """These gifts did not happen after all."""
    tx.execute(
        update(gifts)
        .where(gifts.c.guild_id == guild_id, among(gifts.c.key, keys))
        .values(voided_at=now)
    )
