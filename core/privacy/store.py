"""The statements about wishes to be forgotten."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from core.privacy.tables import wishes


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody's wish, of which a part is still to be done. `subject` is sealed."""

    guild_id: int
    wish_id: str
    subject: str


def add_wish(tx: Connection, guild_id: int, subject: str, sweep_at: datetime) -> None:
    """What is left of somebody is to go at this instant."""
    tx.execute(
        insert(wishes).values(
            guild_id=guild_id,
            wish_id=secrets.token_urlsafe(12),
            subject=subject,
            sweep_at=sweep_at,
        )
    )


def list_due(tx: Connection, now: datetime) -> list[Wish]:
    """The wishes whose time has come."""
    found = tx.execute(
        select(wishes.c.guild_id, wishes.c.wish_id, wishes.c.subject)
        .where(wishes.c.sweep_at <= now)
        .order_by(wishes.c.sweep_at)
    )
    return [Wish(*row) for row in found]


def end_wish(tx: Connection, wish: Wish) -> bool:
    """It is fulfilled; False when somebody was faster."""
    ended = tx.execute(
        delete(wishes).where(wishes.c.guild_id == wish.guild_id, wishes.c.wish_id == wish.wish_id)
    )
    return ended.rowcount == 1
