"""A round trip to another site's consent page and back: each is a row, and each step of it works
once, whatever happens afterwards.

The room that sends people away has the table, made with `attempt_columns`, and calls these in its
own transactions. https://datatracker.ietf.org/doc/html/rfc9700 says what all of it is for.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    RowMapping,
    Table,
    Text,
    delete,
    func,
    select,
    update,
)

from core.kit.crypto import SealBroken, Vault, hash_of


class LinkUsed(Exception):
    """Somebody has followed this link before."""


class LinkForgotten(Exception):
    """This link is older than our memory, or of another installation."""


class StateUnknown(Exception):
    """We never gave out this state."""


class StateUsed(Exception):
    """Somebody came back with this state before."""


class StateExpired(Exception):
    """The answer came too late."""


class Denied(Exception):
    """The owner of the account over there said no."""


class SignInRefused(Exception):
    """The other site does not take this sign-in (any more)."""


class OtherBrowser(Exception):
    """The state came back in another browser than it left in."""


@dataclass(frozen=True, slots=True)
class Departure:
    """What leaves with somebody: the state also goes into a cookie, so that only this browser may
    come back; of the verifier only its challenge is told (PKCE)."""

    state: str = field(repr=False)
    verifier: str = field(repr=False)


def attempt_columns(to: str) -> tuple[Column[Any], ...]:
    """What a table of attempts to go there has, beside whose they are; `guild_id` and `link_id` are
    its key and `state_hash` is unique."""
    return (
        Column("link_id", Text, nullable=False, comment="random, inside the signed link"),
        Column("asked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("state_hash", Text, comment="SHA-256 of the state, once the link was followed"),
        Column("verifier", Text, comment="PKCE, sealed"),
        Column("started_at", DateTime(timezone=True), comment=f"the link was followed to {to}"),
        Column("finished_at", DateTime(timezone=True), comment="somebody came back with the state"),
    )


def new_link_id() -> str:
    """A name for a link that nobody guesses."""
    return secrets.token_urlsafe(18)


def get_unused(tx: Connection, table: Table, guild_id: int, link_id: str) -> RowMapping:
    """The attempt of a link that nobody has followed yet. Looking at it uses nothing up.

    Raises:
        LinkUsed, LinkForgotten: it leads nowhere any more.
    """
    found = select(table).where(table.c.guild_id == guild_id, table.c.link_id == link_id)
    row = tx.execute(found).mappings().first()
    if row is None:
        raise LinkForgotten
    if row["started_at"] is not None or row["finished_at"] is not None:
        raise LinkUsed
    return row


def start(
    tx: Connection,
    table: Table,
    guild_id: int,
    link_id: str,
    vault: Vault,
    now: datetime,
    prefix: str = "",
) -> Departure:
    """Somebody follows the link, which works once. The state begins with `prefix`, for whom it
    concerns when it comes back.

    Raises:
        LinkUsed, LinkForgotten: it leads nowhere any more.
    """
    get_unused(tx, table, guild_id, link_id)
    departure = Departure(prefix + secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    changed = tx.execute(
        update(table)
        .where(
            table.c.guild_id == guild_id,
            table.c.link_id == link_id,
            table.c.started_at.is_(None),
            table.c.finished_at.is_(None),
        )
        .values(
            state_hash=hash_of(departure.state),
            verifier=vault.seal(departure.verifier),
            started_at=now,
        )
    )
    if changed.rowcount == 0:  # somebody was quicker
        raise LinkUsed
    return departure


def take(tx: Connection, table: Table, state: str, now: datetime) -> RowMapping:
    """The attempt of this state, which is used up by this: commit before anything else is done.

    Raises:
        StateUnknown, StateUsed: there is none that counts.
    """
    of_state = table.c.state_hash == hash_of(state)
    row = (
        tx.execute(select(table).where(of_state).with_for_update(key_share=True)).mappings().first()
    )
    if row is None:
        raise StateUnknown
    if row["finished_at"] is not None:
        raise StateUsed
    # The verifier is needed once, and is in hand now.
    tx.execute(update(table).where(of_state).values(finished_at=now, verifier=None))
    return row


def verifier_of(row: RowMapping, vault: Vault, now: datetime, last: timedelta) -> str:
    """The PKCE verifier of an attempt that was taken.

    Raises:
        StateExpired: it was taken more than `last` after its start, or the vault's keys have been
            changed meanwhile.
    """
    if now - row["started_at"] > last:
        raise StateExpired
    try:
        return vault.open(row["verifier"])
    except SealBroken:
        raise StateExpired from None


def end_before(tx: Connection, table: Table, before: datetime) -> int:
    """Forget the attempts that were asked for before then; returns how many."""
    return tx.execute(delete(table).where(table.c.asked_at < before)).rowcount
