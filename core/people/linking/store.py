"""Statements about attempts to link, beside those that every OAuth flow needs."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, insert, select, text, update

from core.people.linking.tables import attempts


@dataclass(frozen=True, slots=True)
class Attempt:
    """A member's attempt to link an account.

    Attributes:
        discord_name: as shown in the server.
        discord_handle: the account's own, which nobody else has.
        by_dm: the member takes direct messages from us.
    """

    guild_id: int
    link_id: str = field(repr=False)
    discord_id: int
    discord_name: str
    discord_handle: str
    avatar_url: str
    by_dm: bool
    asked_at: datetime


def attempt_of(row: RowMapping) -> Attempt:
    """The attempt in a row."""
    return Attempt(**{name: row[name] for name in Attempt.__dataclass_fields__})


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


def lock_member(tx: Connection, guild_id: int, discord_id: int) -> None:
    """Only one transaction at a time works on a member's links."""
    tx.execute(_LOCK, {"name": f"people.linking:{guild_id}:{discord_id}"})


def list_asked_at(
    tx: Connection, guild_id: int, discord_id: int, after: datetime
) -> list[datetime]:
    """When the member asked for links, after this time."""
    found = select(attempts.c.asked_at).where(
        attempts.c.guild_id == guild_id,
        attempts.c.discord_id == discord_id,
        attempts.c.asked_at > after,
    )
    return list(tx.execute(found).scalars())


def add_attempt(tx: Connection, attempt: Attempt) -> None:
    """Store a new attempt."""
    values = {name: getattr(attempt, name) for name in Attempt.__dataclass_fields__}
    tx.execute(insert(attempts).values(**values))


def end_attempt(tx: Connection, guild_id: int, link_id: str) -> bool:
    """Delete an attempt whose link could not be sent."""
    unused = delete(attempts).where(
        attempts.c.guild_id == guild_id,
        attempts.c.link_id == link_id,
        attempts.c.started_at.is_(None),
        attempts.c.finished_at.is_(None),
    )
    return tx.execute(unused).rowcount == 1


def set_declined(tx: Connection, guild_id: int, link_id: str, now: datetime) -> bool:
    """Use up a link that somebody else opened; False if it was used before."""
    changed = tx.execute(
        update(attempts)
        .where(
            attempts.c.guild_id == guild_id,
            attempts.c.link_id == link_id,
            attempts.c.finished_at.is_(None),
        )
        .values(finished_at=now)
    )
    return changed.rowcount == 1


def hold_open(tx: Connection, guild_id: int, link_id: str) -> bool:
    """Lock an open attempt until the transaction ends; False if it has ended or was deleted."""
    found = select(attempts.c.link_id).where(
        attempts.c.guild_id == guild_id,
        attempts.c.link_id == link_id,
        attempts.c.outcome.is_(None),
    )
    return tx.execute(found.with_for_update()).first() is not None


def set_outcome(tx: Connection, guild_id: int, link_id: str, outcome: str) -> bool:
    """Store how an attempt ended; False if it had ended before."""
    changed = tx.execute(
        update(attempts)
        .where(
            attempts.c.guild_id == guild_id,
            attempts.c.link_id == link_id,
            attempts.c.outcome.is_(None),
        )
        .values(outcome=outcome)
    )
    return changed.rowcount == 1


def list_unsettled(tx: Connection, before: datetime) -> list[Attempt]:
    """Attempts without an outcome whose member came back before this time."""
    found = tx.execute(
        select(attempts)
        .where(attempts.c.finished_at < before, attempts.c.outcome.is_(None))
        .order_by(attempts.c.finished_at)
    )
    return [attempt_of(row) for row in found.mappings()]


def find_looks(tx: Connection, guild_id: int, discord_id: int) -> tuple[str, str]:
    """Name and picture of a member when they last asked for a link; empty if they never did."""
    row = tx.execute(
        select(attempts.c.discord_name, attempts.c.avatar_url)
        .where(attempts.c.guild_id == guild_id, attempts.c.discord_id == discord_id)
        .order_by(attempts.c.asked_at.desc())
        .limit(1)
    ).first()
    return (row.discord_name, row.avatar_url) if row else ("", "")
