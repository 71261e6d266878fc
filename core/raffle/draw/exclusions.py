"""Queries for viewers who are excluded from winning."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.people.tables import viewers
from core.raffle.draw.records import exclusions

Cause = Literal["admin", "kick_ban", "discord_ban"]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why somebody cannot win. `name` is the account's current one."""

    viewer_id: int
    name: str
    cause: Cause
    reason: str
    excluded_by: int | None
    excluded_at: datetime
    until: datetime | None


def add_exclusion(
    tx: Connection,
    guild_id: int,
    viewer_id: int,
    cause: Cause,
    *,
    reason: str,
    excluded_by: int | None,
    now: datetime,
    until: datetime | None = None,
) -> bool:
    """False if they were excluded for the same cause. A new time-out replaces an earlier one."""
    values = {"reason": reason, "excluded_by": excluded_by, "excluded_at": now, "until": until}
    added = tx.execute(
        upsert(exclusions)
        .values(guild_id=guild_id, viewer_id=viewer_id, cause=cause, **values)
        .on_conflict_do_update(
            constraint="raffle_exclusions_once",
            set_=values,
            where=exclusions.c.until.is_not(None),
        )
    )
    return added.rowcount == 1


def end_exclusion(
    tx: Connection, guild_id: int, viewer_id: int, cause: Cause | None = None
) -> bool:
    """Remove the exclusion for this cause, or all of them; False if there was none."""
    ended = delete(exclusions).where(
        exclusions.c.guild_id == guild_id, exclusions.c.viewer_id == viewer_id
    )
    if cause is not None:
        ended = ended.where(exclusions.c.cause == cause)
    return tx.execute(ended).rowcount > 0


def list_exclusions(tx: Connection, guild_id: int, now: datetime) -> list[Exclusion]:
    """Sorted by name."""
    found = tx.execute(
        select(
            exclusions.c.viewer_id,
            viewers.c.name,
            exclusions.c.cause,
            exclusions.c.reason,
            exclusions.c.excluded_by,
            exclusions.c.excluded_at,
            exclusions.c.until,
        )
        .join_from(
            exclusions,
            viewers,
            (viewers.c.guild_id == exclusions.c.guild_id)
            & (viewers.c.viewer_id == exclusions.c.viewer_id),
        )
        .where(
            exclusions.c.guild_id == guild_id,
            exclusions.c.until.is_(None) | (exclusions.c.until > now),
        )
        .order_by(viewers.c.folded_name, exclusions.c.cause)
    )
    return [Exclusion(**row) for row in found.mappings()]


def list_causes(tx: Connection, guild_id: int, viewer_id: int, now: datetime) -> list[Cause]:
    found = tx.execute(
        select(exclusions.c.cause)
        .where(
            exclusions.c.guild_id == guild_id,
            exclusions.c.viewer_id == viewer_id,
            exclusions.c.until.is_(None) | (exclusions.c.until > now),
        )
        .order_by(exclusions.c.cause)
    )
    return list(found.scalars())
