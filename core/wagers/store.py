"""What counts as wagered in a period; the raffle makes tickets of it."""

from datetime import datetime
from decimal import Decimal
from typing import cast

from sqlalchemy import Connection, Table, func, select

from core.wagers.records import AffiliateAccount, WagerChange

accounts = cast("Table", AffiliateAccount.__table__)
changes = cast("Table", WagerChange.__table__)


def list_wagered_between(
    tx: Connection, guild_id: int, start: datetime, end: datetime
) -> dict[int, Decimal]:
    """Viewer -> what was counted for them from `start` until before `end`, over all platforms.

    Rows never change and new ones have a later `at`, so the sums of a period are final once the
    first poll after it was counted.
    """
    found = tx.execute(
        select(changes.c.viewer_id, func.sum(changes.c.amount))
        .where(changes.c.guild_id == guild_id, changes.c.at >= start, changes.c.at < end)
        .group_by(changes.c.viewer_id)
        .having(func.sum(changes.c.amount) > 0)
        .order_by(changes.c.viewer_id)
    )
    return {viewer_id: Decimal(amount) for viewer_id, amount in found}


def has_verified(tx: Connection, guild_id: int) -> bool:
    """Whether anybody's wagers count in this guild."""
    found = select(accounts.c.account_id).where(
        accounts.c.guild_id == guild_id,
        accounts.c.verified_at.is_not(None),
        accounts.c.ended_at.is_(None),
    )
    return tx.execute(found.limit(1)).first() is not None
