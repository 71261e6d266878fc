"""A raffle to test with: viewers, a period, tickets."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from cryptography.fernet import Fernet
from sqlalchemy import Connection, select, text, update

from core.drand.chain import QUICKNET
from core.guilds.actions import load_settings
from core.kit.database.connection import cache_of
from core.kit.database.work import Work, run_in_guild
from core.kit.runtime.crypto import Vault
from core.people import store as people
from core.raffle import actions
from core.raffle.actions import Config
from core.raffle.ledger import earning
from core.raffle.ledger import store as ledger
from core.raffle.ledger.actions import Standing
from core.raffle.ledger.actions import change_tickets as change
from core.raffle.ledger.store import NewEntry
from core.raffle.records import Balance, Period
from core.raffle.rules import RaffleSettings

P = ParamSpec("P")
T = TypeVar("T")

KEY = Fernet.generate_key().decode()
VAULT = Vault([KEY])
PUBLIC_URL = "https://regulars.example"
CONFIG = Config(VAULT, QUICKNET, PUBLIC_URL)
ADMIN = 900
START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
MIDDLE = START + timedelta(days=14)
SETTINGS = RaffleSettings.declared


def do(
    tx: Connection,
    guild_id: int,
    at: datetime,
    action: Callable[Concatenate[Work, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run an action as an admin at this time."""
    cache_of(tx).clear()  # as in its own transaction
    try:
        return run_in_guild(tx, guild_id, ADMIN, at, action, *args, **kwargs)
    finally:
        cache_of(tx).clear()


def viewer(tx: Connection, guild_id: int, name: str) -> int:
    """A viewer of this name; returns the viewer id."""
    user_id = int.from_bytes(name.encode()[:6], "big")
    return people.set_viewer(tx, guild_id, "kick", user_id, name, START)


def period(
    tx: Connection,
    guild_id: int,
    starts_at: datetime = START,
    ends_at: datetime = END,
    *,
    winners: int = 1,
    prize: str = "A keyboard",
    config: Config = CONFIG,
) -> Period:
    """An open period."""

    def open_period(work: Work) -> Period:
        settings = replace(load_settings(work, RaffleSettings), prize=prize, winners=winners)
        return actions.open_period(work, config, starts_at, ends_at, settings)

    return do(tx, guild_id, starts_at, open_period)


def find_period(tx: Connection, guild_id: int, number: int) -> Period | None:
    return do(tx, guild_id, MIDDLE, Work.find, Period, number)


def period_of(tx: Connection, guild_id: int, number: int) -> Period:
    found = find_period(tx, guild_id, number)
    assert found is not None
    return found


def list_periods(tx: Connection, guild_id: int) -> Sequence[Period]:
    """Newest first."""
    newest_first = select(Period).order_by(Period.number.desc())
    return do(tx, guild_id, MIDDLE, lambda work: work.scalars(newest_first).all())


def set_period(tx: Connection, guild_id: int, number: int, **values: Any) -> None:
    """Change the row of a period, whatever its triggers say."""
    of_number = (Period.guild_id == guild_id, Period.number == number)
    tx.execute(text("SET LOCAL session_replication_role = replica"))
    tx.execute(update(Period).where(*of_number).values(**values))
    tx.execute(text("SET LOCAL session_replication_role = origin"))


def list_balances(tx: Connection, guild_id: int, number: int) -> dict[int, int]:
    """Viewer id -> tickets, for everyone who has any."""
    found = select(Balance.viewer_id, Balance.tickets).where(
        Balance.guild_id == guild_id, Balance.period == number, Balance.tickets > 0
    )
    return dict(tx.execute(found).all())


def give(tx: Connection, guild_id: int, number: int, viewer_id: int, amount: int, key: str) -> bool:
    """Tickets for a viewer."""
    entry = NewEntry(viewer_id, amount, key, MIDDLE)
    return do(tx, guild_id, MIDDLE, ledger.post_entries, number, "bonus", [entry]) == 1


def get_balance(tx: Connection, guild_id: int, number: int, viewer_id: int) -> int:
    return do(tx, guild_id, MIDDLE, ledger.get_balance, number, viewer_id)


def credit(tx: Connection, of: Period, now: datetime) -> int:
    return do(tx, of.guild_id, now, earning.credit, of)


def change_tickets(
    tx: Connection, guild_id: int, who: str, amount: int, reason: str, cause: str, now: datetime
) -> Standing:
    return do(tx, guild_id, now, change, who, amount, reason, cause)
