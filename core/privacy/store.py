"""The statements about wishes to be forgotten."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

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


def put_off_wish(tx: Connection, wish: Wish, now: datetime, until: datetime) -> bool:
    """Its time is another one; False when it is not due any more."""
    due = (_is(wish), wishes.c.sweep_at <= now)
    return tx.execute(update(wishes).where(*due).values(sweep_at=until)).rowcount == 1


def end_wish(tx: Connection, wish: Wish) -> None:
    """It is fulfilled."""
    tx.execute(delete(wishes).where(_is(wish)))


def _is(wish: Wish) -> ColumnElement[bool]:
    return (wishes.c.guild_id == wish.guild_id) & (wishes.c.wish_id == wish.wish_id)
