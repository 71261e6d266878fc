"""Attempts to sign in at another site (OAuth with PKCE), one row for each personal link.

A link can be opened, and followed to the other site, until somebody comes back: a viewer who
presses Back on the consent page can still use it. Each time there is a new state and verifier,
which replace the former ones, so only the latest state works, and only once.

A package has its own table, made with `attempt_columns`, and calls these functions in its own
transactions. Background: https://datatracker.ietf.org/doc/html/rfc9700.
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
    """The link was used, or declined."""


class LinkForgotten(Exception):
    """The link's attempt was deleted, or belongs to another installation."""


class StateUnknown(Exception):
    """We never issued this state, or a newer one has replaced it."""


class StateUsed(Exception):
    """The state was used before."""


class StateExpired(Exception):
    """The answer came too late."""


class Denied(Exception):
    """The owner of the account declined."""


class SignInRefused(Exception):
    """The other site rejected this sign-in."""


class OtherBrowser(Exception):
    """The state came back in another browser."""


@dataclass(frozen=True, slots=True)
class Departure:
    """State and PKCE verifier. The state also goes into a cookie, so that only this browser can
    come back."""

    state: str = field(repr=False)
    verifier: str = field(repr=False)


def attempt_columns(to: str) -> tuple[Column[Any], ...]:
    """Columns of every table of attempts, whose key is `guild_id` and `link_id`; `state_hash` is
    unique."""
    return (
        Column("link_id", Text, nullable=False, comment="random, inside the signed link"),
        Column("asked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("state_hash", Text, comment="SHA-256 of the state, once the link was followed"),
        Column("verifier", Text, comment="PKCE, sealed"),
        Column("started_at", DateTime(timezone=True), comment=f"the link was followed to {to}"),
        Column("finished_at", DateTime(timezone=True), comment="somebody came back with the state"),
    )


def new_link_id() -> str:
    """A random id for a link."""
    return secrets.token_urlsafe(18)


def get_unused(tx: Connection, table: Table, guild_id: int, link_id: str) -> RowMapping:
    """The attempt of a link that can still be used.

    Raises:
        LinkUsed, LinkForgotten: the link no longer works.
    """
    found = select(table).where(table.c.guild_id == guild_id, table.c.link_id == link_id)
    row = tx.execute(found).mappings().first()
    if row is None:
        raise LinkForgotten
    if row["finished_at"] is not None:
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
    """Make a state and a verifier, which replace the former ones of this link.

    Args:
        prefix: begins the state, and says who handles it when it comes back.

    Raises:
        LinkUsed, LinkForgotten: the link no longer works.
    """
    get_unused(tx, table, guild_id, link_id)
    departure = Departure(prefix + secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    changed = tx.execute(
        update(table)
        .where(
            table.c.guild_id == guild_id,
            table.c.link_id == link_id,
            table.c.finished_at.is_(None),
        )
        .values(
            state_hash=hash_of(departure.state),
            verifier=vault.seal(departure.verifier),
            started_at=now,
        )
    )
    if changed.rowcount == 0:  # somebody came back in the meantime
        raise LinkUsed
    return departure


def take(tx: Connection, table: Table, state: str, now: datetime) -> RowMapping:
    """Use up the attempt of this state. Commit before doing anything else.

    Raises:
        StateUnknown, StateUsed: this state is not valid (any more).
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


def may_return(row: RowMapping, now: datetime, last: timedelta) -> bool:
    """Whether the link was followed to the other site no more than `last` ago."""
    return row["started_at"] is not None and now - row["started_at"] <= last


def verifier_of(row: RowMapping, vault: Vault, now: datetime, last: timedelta) -> str:
    """The PKCE verifier of an attempt that was taken.

    Raises:
        StateExpired: it was taken more than `last` after its start, or the vault's keys have been
            changed in the meantime.
    """
    if not may_return(row, now, last):
        raise StateExpired
    try:
        return vault.open(row["verifier"])
    except SealBroken:
        raise StateExpired from None


def end_before(tx: Connection, table: Table, before: datetime) -> int:
    """Delete the attempts that were asked for before this time; returns how many."""
    return tx.execute(delete(table).where(table.c.asked_at < before)).rowcount
