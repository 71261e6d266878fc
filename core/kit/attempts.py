"""Attempts to sign in at another site and come back (OAuth with PKCE), one row for each link.

A link may be opened, and followed to the other site, again and again until somebody comes back: a
viewer who presses Back on the consent page can still use it. Each departure has its own state and
verifier and replaces those before, so at most one of them ever comes back, and only once.

The package that sends people away has the table, made with `attempt_columns`, and calls these
functions in its own transactions. Background: https://datatracker.ietf.org/doc/html/rfc9700.
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
    """Somebody came back with this link, or declined it."""


class LinkForgotten(Exception):
    """This link is older than our memory, or of another installation."""


class StateUnknown(Exception):
    """We never issued this state, or a later departure with the same link has replaced it."""


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
    """The attempt of a link with which nobody has come back yet. Reading it uses nothing up.

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
    """Follow the link to the other site; the state of an earlier departure stops working. The state
    begins with `prefix`, which says who handles it when it comes back.

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
    """Use up the attempt of this state, and its link with it: commit before doing anything else.

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
    """Whether somebody left with this link no more than `last` ago."""
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
    """Forget the attempts that were asked for before then; returns how many."""
    return tx.execute(delete(table).where(table.c.asked_at < before)).rowcount
