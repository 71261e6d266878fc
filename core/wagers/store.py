"""The statements about accounts and what was counted with them."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, func, select

from core.wagers.tables import accounts, changes


def wagered_between(
    tx: Connection, guild_id: int, viewer_id: int, start: datetime, end: datetime
) -> Decimal:
    """What was counted for a viewer from `start` until before `end`, over all platforms. Every row
    stays as it is and what is new comes with a later `at`, so of a time that is over the answer
    does not change once its last look has been noted."""
    found = tx.execute(
        select(func.coalesce(func.sum(changes.c.amount), 0)).where(
            changes.c.guild_id == guild_id,
            changes.c.viewer_id == viewer_id,
            changes.c.at >= start,
            changes.c.at < end,
        )
    )
    return Decimal(found.scalar_one())


def list_wagered_between(
    tx: Connection, guild_id: int, start: datetime, end: datetime
) -> dict[int, Decimal]:
    """The same for everybody who has any, by viewer id."""
    found = tx.execute(
        select(changes.c.viewer_id, func.sum(changes.c.amount))
        .where(changes.c.guild_id == guild_id, changes.c.at >= start, changes.c.at < end)
        .group_by(changes.c.viewer_id)
        .having(func.sum(changes.c.amount) > 0)
        .order_by(changes.c.viewer_id)
    )
    return {viewer_id: Decimal(amount) for viewer_id, amount in found}


def has_verified(tx: Connection, guild_id: int) -> bool:
    """Whether anybody's wagers count in this server."""
    found = select(accounts.c.account_id).where(
        accounts.c.guild_id == guild_id,
        accounts.c.verified_at.is_not(None),
        accounts.c.ended_at.is_(None),
    )
    return tx.execute(found.limit(1)).first() is not None
