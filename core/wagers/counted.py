"""The statements that record what a reading means, and that find what is odd about it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, or_, select

from core.wagers.rules import Change
from core.wagers.store import Account
from core.wagers.tables import accounts, changes


@dataclass(frozen=True, slots=True)
class Odd:
    """A total that fell, or a rise of which a part is held.

    Attributes:
        number: of the row; an admin names it.
        decision: what an admin did with the held amount; None while it waits.
    """

    number: int
    account_id: int
    username: str
    kind: str
    at: datetime
    total_before: Decimal
    total: Decimal
    amount: Decimal
    held: Decimal
    decision: Literal["release", "dismissal"] | None


def post_change(tx: Connection, account: Account, found: Change, at: datetime) -> int:
    """Record what a reading means; returns the row's number."""
    posted = tx.execute(
        insert(changes)
        .values(
            guild_id=account.guild_id,
            account_id=account.account_id,
            viewer_id=account.viewer_id,
            kind=found.kind,
            since=account.seen_at,
            at=at,
            total_before=account.total,
            total=found.after.total,
            amount=found.amount,
            held=found.held,
        )
        .returning(changes.c.id)
    )
    return int(posted.scalar_one())


def post_decision(
    tx: Connection,
    guild_id: int,
    number: int,
    decision: Literal["release", "dismissal"],
    now: datetime,
) -> Any | None:
    """Count what is held in this row, or dismiss it; the new row, or None when the row holds
    nothing. Raises `IntegrityError`, naming `wagers_changes_released_once`, when that was decided
    before."""
    whose = (changes.c.guild_id == guild_id) & (changes.c.id == number) & (changes.c.held > 0)
    held = tx.execute(select(changes).where(whose)).mappings().first()
    if held is None:
        return None
    same = {name: held[name] for name in ("guild_id", "account_id", "viewer_id", "total")}
    posted = tx.execute(
        insert(changes)
        .values(
            **same,
            kind=decision,
            since=held["at"],
            at=now,
            total_before=held["total"],
            amount=held["held"] if decision == "release" else 0,
            held=0,
            releases=number,
        )
        .returning(*changes.columns)
    )
    return {**posted.mappings().one(), "decided": held["held"]}


def find_decision(tx: Connection, guild_id: int, number: int) -> str | None:
    """What an admin decided about the held amount of this row."""
    decided = (changes.c.guild_id == guild_id) & (changes.c.releases == number)
    return tx.execute(select(changes.c.kind).where(decided)).scalar()


def list_odd(
    tx: Connection, guild_id: int, platform: str, after: datetime, most: int = 10
) -> list[Odd]:
    """What waits for an admin's decision, then what else was odd since then; newest first."""
    releases = changes.alias("releases")
    waits = (changes.c.held > 0) & releases.c.id.is_(None)
    found = tx.execute(
        select(
            changes.c.id.label("number"),
            changes.c.account_id,
            accounts.c.username,
            changes.c.kind,
            changes.c.at,
            changes.c.total_before,
            changes.c.total,
            changes.c.amount,
            changes.c.held,
            releases.c.kind.label("decision"),
        )
        .join(
            accounts,
            (accounts.c.guild_id == changes.c.guild_id)
            & (accounts.c.account_id == changes.c.account_id),
        )
        .outerjoin(
            releases,
            (releases.c.guild_id == changes.c.guild_id) & (releases.c.releases == changes.c.id),
        )
        .where(
            changes.c.guild_id == guild_id,
            accounts.c.platform == platform,
            or_(changes.c.kind == "fall", changes.c.held > 0),
            or_(changes.c.at > after, waits),
        )
        .order_by(waits.desc(), changes.c.id.desc())
        .limit(most)
    )
    return [Odd(**row) for row in found.mappings()]


def get_counted(tx: Connection, guild_id: int, account_id: int) -> Decimal:
    """All that was ever counted with an account."""
    found = tx.execute(
        select(func.coalesce(func.sum(changes.c.amount), 0)).where(
            changes.c.guild_id == guild_id, changes.c.account_id == account_id
        )
    )
    return Decimal(found.scalar_one())
