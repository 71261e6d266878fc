"""The statements about periods, entries and balances."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kit.records import GuildRecord
from core.kit.work import ACROSS_GUILDS, Work
from core.raffle.records import Balance, Entry, Period, Source, State

R = TypeVar("R", bound=GuildRecord)

_PERIODS = select(Period)
_CROSSING = datetime.min
"""Queries that name their guild need no time."""


def fetch(tx: Connection, statement: Select[R]) -> list[R]:
    """Records of a statement that names its guild, or is meant for all."""
    with Work(tx, 0, now=_CROSSING) as work:
        return list(work.scalars(statement, execution_options=ACROSS_GUILDS))


def lock_periods(tx: Connection, guild_id: int) -> None:
    """One change of a server's calendar at a time. Take it before `lock_period`."""
    tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('raffle_periods', :guild_id))"),
        {"guild_id": guild_id},
    )


def open_period(
    tx: Connection,
    guild_id: int,
    starts_at: datetime,
    ends_at: datetime,
    *,
    ends_with_month: bool,
    prize: str,
    winners_wanted: int,
    sealed_seed: str,
    sealed_salt: str,
    commitment: str,
    public_id: str,
    now: datetime,
) -> Period:
    """Open a period; `core.raffle.actions.open_period` makes its secrets. Hold `lock_periods`.

    Raises:
        IntegrityError: `raffle_periods_apart`, another one runs at some instant of it.
    """
    with Work(tx, guild_id, now=now) as work:
        opened = Period(
            number=work.next_number(Period.number),
            starts_at=starts_at,
            ends_at=ends_at,
            ends_with_month=ends_with_month,
            prize=prize,
            winners_wanted=winners_wanted,
            sealed_seed=sealed_seed,
            sealed_salt=sealed_salt,
            commitment=commitment,
            public_id=public_id,
            opened_at=now,
        )
        work.add(opened)
    return opened


def find_period(tx: Connection, guild_id: int, number: int) -> Period | None:
    """The period with this number."""
    return _one(tx, _PERIODS.where(Period.guild_id == guild_id, Period.number == number))


def find_by_public_id(tx: Connection, public_id: str) -> Period | None:
    """The period of a public page, of whatever server."""
    return _one(tx, _PERIODS.where(Period.public_id == public_id))


def find_open(tx: Connection, guild_id: int, at: datetime) -> Period | None:
    """The period to which an instant belongs, if it still takes tickets."""
    return _one(
        tx,
        _PERIODS.where(
            Period.guild_id == guild_id,
            Period.state == "open",
            Period.starts_at <= at,
            Period.ends_at > at,
        ),
    )


def list_periods(tx: Connection, guild_id: int, most: int = 12) -> list[Period]:
    """A server's periods, newest first."""
    wanted = _PERIODS.where(Period.guild_id == guild_id).order_by(Period.number.desc())
    return fetch(tx, wanted.limit(most))


def list_in_state(tx: Connection, state: State, guild_id: int | None = None) -> list[Period]:
    """Every period in this state, of one server or of all, oldest first."""
    wanted = _PERIODS.where(Period.state == state)
    if guild_id is not None:
        wanted = wanted.where(Period.guild_id == guild_id)
    return fetch(tx, wanted.order_by(Period.guild_id, Period.number))


def list_meeting(
    tx: Connection, guild_id: int, starts_at: datetime, ends_at: datetime
) -> list[Period]:
    """The periods that have an instant in common with [starts_at, ends_at), by time."""
    return fetch(
        tx,
        _PERIODS.where(
            Period.guild_id == guild_id,
            Period.starts_at < Period.ends_at,
            Period.starts_at < ends_at,
            Period.ends_at > starts_at,
        ).order_by(Period.starts_at),
    )


def find_last(tx: Connection, guild_id: int) -> Period | None:
    """The server's period that ends last; None before the first."""
    real = _PERIODS.where(Period.guild_id == guild_id, Period.starts_at < Period.ends_at)
    return _one(tx, real.order_by(Period.ends_at.desc()).limit(1))


def list_ended(tx: Connection, now: datetime) -> list[Period]:
    """Every period that is over and was not frozen yet, of all servers."""
    over = _PERIODS.where(Period.state == "open", Period.ends_at <= now)
    return fetch(tx, over.order_by(Period.guild_id, Period.number))


def lock_period(tx: Connection, guild_id: int, number: int) -> Period | None:
    """The period as it stands now; until the end of the transaction it neither changes nor takes
    an entry from anybody else."""
    return _one(
        tx,
        _PERIODS.where(Period.guild_id == guild_id, Period.number == number).with_for_update(),
    )


def set_period(tx: Connection, guild_id: int, number: int, **values: Any) -> None:
    """Change columns of a period. Hold `lock_period`."""
    of_period = (Period.guild_id == guild_id, Period.number == number)
    tx.execute(update(Period).where(*of_period).values(**values))


def get_sealed(tx: Connection, guild_id: int, number: int) -> tuple[str, str]:
    """The sealed seed and the sealed salt of a period."""
    row = tx.execute(
        select(Period.sealed_seed, Period.sealed_salt).where(
            Period.guild_id == guild_id, Period.number == number
        )
    ).one()
    return row.sealed_seed, row.sealed_salt


def _one(tx: Connection, wanted: Select[Period]) -> Period | None:
    return next(iter(fetch(tx, wanted)), None)


def post_entry(
    tx: Connection,
    guild_id: int,
    period: int,
    viewer_id: int,
    source: Source,
    amount: int,
    source_key: str,
    *,
    at: datetime,
    reason: str = "",
    actor: int | None = None,
) -> bool:
    """Write tickets into the ledger and into the balance; False when this key was written before.

    Raises:
        IntegrityError: `raffle_entries_only_while_open`, the period takes no more tickets;
            `raffle_balances_never_below_zero`, there are fewer tickets than are taken away.
    """
    posted = tx.execute(
        upsert(Entry)
        .values(
            guild_id=guild_id,
            period=period,
            viewer_id=viewer_id,
            source=source,
            amount=amount,
            source_key=source_key,
            at=at,
            reason=reason,
            actor=actor,
        )
        .on_conflict_do_nothing(constraint="raffle_entries_once")
    )
    if posted.rowcount == 1:
        whose = {"guild_id": guild_id, "period": period, "viewer_id": viewer_id}
        _add_to_balance(tx, whose, amount)
    return posted.rowcount == 1


def _add_to_balance(tx: Connection, whose: Mapping[str, int], amount: int) -> None:
    # A check looks at the row that would be inserted even where one is there to be updated:
    # hence nothing is inserted but zero.
    tx.execute(
        upsert(Balance)
        .values(**whose, tickets=0)
        .on_conflict_do_nothing(constraint="raffle_balances_once")
    )
    same = (Balance.__table__.c[name] == value for name, value in whose.items())
    tx.execute(update(Balance).where(*same).values(tickets=Balance.tickets + amount))


def has_entry(tx: Connection, guild_id: int, source_key: str) -> bool:
    """Whether this cause was counted before."""
    found = select(Entry.id).where(Entry.guild_id == guild_id, Entry.source_key == source_key)
    return tx.execute(found).first() is not None


def list_balances(tx: Connection, guild_id: int, period: int) -> dict[int, int]:
    """Viewer id -> tickets, for everybody who has any."""
    found = tx.execute(
        select(Balance.viewer_id, Balance.tickets).where(
            Balance.guild_id == guild_id, Balance.period == period, Balance.tickets > 0
        )
    )
    return {row.viewer_id: row.tickets for row in found}
