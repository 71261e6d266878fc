"""The statements about periods, entries and balances."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.raffle.tables import balances, entries, periods

Source = Literal["watchtime", "gifted_sub", "wager", "bonus", "correction"]
State = Literal["open", "frozen", "drawn", "closed"]


@dataclass(frozen=True, slots=True)
class Period:
    """A period without its secrets.

    Attributes:
        ends_at: the first instant that does not belong to it.
        ends_with_month: whether the next monthly raffle follows it without a gap.
        state: open takes tickets; frozen waits for the beacon; drawn has winners; closed is over.
        commitment: SHA-256 of the seed, in hex.
        public_id: in the address of its public page, `/draws/<public_id>`.
    """

    guild_id: int
    number: int
    starts_at: datetime
    ends_at: datetime
    ends_with_month: bool
    state: State
    prize: str
    winners_wanted: int
    commitment: str
    public_id: str
    opened_at: datetime
    frozen_at: datetime | None
    drawn_at: datetime | None
    closed_at: datetime | None

    @property
    def is_cancelled(self) -> bool:
        """Whether it is over without a draw."""
        return self.state == "closed" and self.drawn_at is None


_PERIODS: Select[Any] = select(
    *(periods.c[name] for name in Period.__dataclass_fields__),
)


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
    highest = select(func.coalesce(func.max(periods.c.number), 0) + 1).where(
        periods.c.guild_id == guild_id
    )
    row = tx.execute(
        insert(periods)
        .values(
            guild_id=guild_id,
            number=highest.scalar_subquery(),
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
        .returning(*_PERIODS.selected_columns)
    )
    return Period(**row.mappings().one())


def find_period(tx: Connection, guild_id: int, number: int) -> Period | None:
    """The period with this number."""
    return _one(tx, _PERIODS.where(periods.c.guild_id == guild_id, periods.c.number == number))


def find_by_public_id(tx: Connection, public_id: str) -> Period | None:
    """The period of a public page, of whatever server."""
    return _one(tx, _PERIODS.where(periods.c.public_id == public_id))


def find_open(tx: Connection, guild_id: int, at: datetime) -> Period | None:
    """The period to which an instant belongs, if it still takes tickets."""
    return _one(
        tx,
        _PERIODS.where(
            periods.c.guild_id == guild_id,
            periods.c.state == "open",
            periods.c.starts_at <= at,
            periods.c.ends_at > at,
        ),
    )


def list_periods(tx: Connection, guild_id: int, most: int = 12) -> list[Period]:
    """A server's periods, newest first."""
    found = tx.execute(
        _PERIODS.where(periods.c.guild_id == guild_id).order_by(periods.c.number.desc()).limit(most)
    )
    return [Period(**row) for row in found.mappings()]


def list_in_state(tx: Connection, state: State, guild_id: int | None = None) -> list[Period]:
    """Every period in this state, of one server or of all, oldest first."""
    wanted = _PERIODS.where(periods.c.state == state)
    if guild_id is not None:
        wanted = wanted.where(periods.c.guild_id == guild_id)
    found = tx.execute(wanted.order_by(periods.c.guild_id, periods.c.number))
    return [Period(**row) for row in found.mappings()]


def list_meeting(
    tx: Connection, guild_id: int, starts_at: datetime, ends_at: datetime
) -> list[Period]:
    """The periods that have an instant in common with [starts_at, ends_at), by time."""
    found = tx.execute(
        _PERIODS.where(
            periods.c.guild_id == guild_id,
            periods.c.starts_at < periods.c.ends_at,
            periods.c.starts_at < ends_at,
            periods.c.ends_at > starts_at,
        ).order_by(periods.c.starts_at)
    )
    return [Period(**row) for row in found.mappings()]


def find_last(tx: Connection, guild_id: int) -> Period | None:
    """The server's period that ends last; None before the first."""
    real = _PERIODS.where(periods.c.guild_id == guild_id, periods.c.starts_at < periods.c.ends_at)
    return _one(tx, real.order_by(periods.c.ends_at.desc()).limit(1))


def list_ended(tx: Connection, now: datetime) -> list[Period]:
    """Every period that is over and was not frozen yet, of all servers."""
    over = _PERIODS.where(periods.c.state == "open", periods.c.ends_at <= now)
    found = tx.execute(over.order_by(periods.c.guild_id, periods.c.number))
    return [Period(**row) for row in found.mappings()]


def lock_period(tx: Connection, guild_id: int, number: int) -> Period | None:
    """The period as it stands now; until the end of the transaction it neither changes nor takes
    an entry from anybody else."""
    return _one(
        tx,
        _PERIODS.where(
            periods.c.guild_id == guild_id, periods.c.number == number
        ).with_for_update(),
    )


def set_period(tx: Connection, guild_id: int, number: int, **values: Any) -> None:
    """Change columns of a period. Hold `lock_period`."""
    tx.execute(
        update(periods)
        .where(periods.c.guild_id == guild_id, periods.c.number == number)
        .values(**values)
    )


def get_sealed(tx: Connection, guild_id: int, number: int) -> tuple[str, str]:
    """The sealed seed and the sealed salt of a period."""
    row = tx.execute(
        select(periods.c.sealed_seed, periods.c.sealed_salt).where(
            periods.c.guild_id == guild_id, periods.c.number == number
        )
    ).one()
    return row.sealed_seed, row.sealed_salt


def _one(tx: Connection, wanted: Select[Any]) -> Period | None:
    row = tx.execute(wanted).mappings().first()
    return Period(**row) if row else None


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
        upsert(entries)
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
        upsert(balances)
        .values(**whose, tickets=0)
        .on_conflict_do_nothing(constraint="raffle_balances_once")
    )
    same = (balances.c[name] == value for name, value in whose.items())
    tx.execute(update(balances).where(*same).values(tickets=balances.c.tickets + amount))


def has_entry(tx: Connection, guild_id: int, source_key: str) -> bool:
    """Whether this cause was counted before."""
    found = select(entries.c.id).where(
        entries.c.guild_id == guild_id, entries.c.source_key == source_key
    )
    return tx.execute(found).first() is not None


def list_balances(tx: Connection, guild_id: int, period: int) -> dict[int, int]:
    """Viewer id -> tickets, for everybody who has any."""
    found = tx.execute(
        select(balances.c.viewer_id, balances.c.tickets).where(
            balances.c.guild_id == guild_id, balances.c.period == period, balances.c.tickets > 0
        )
    )
    return {row.viewer_id: row.tickets for row in found}
