"""The statements about rewards and looks; those about who has which role are in `holdings.py`.

Lock order: the server's lock here, then rows of the outbox.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds.records import Guild
from core.kit.records import table_of
from core.roles.rules import Obstacle, RewardState
from core.roles.tables import grants, looks, rewards

guilds = table_of(Guild)


@dataclass(frozen=True, slots=True)
class Stored:
    """A reward as it is kept.

    Attributes:
        minutes: to be reached; None for the role of everybody who is linked.
        name: the role's, when it was last seen.
        obstacle: why the bot cannot give it, when it last looked.
        spread: the terms under which everybody was looked at, or None.
    """

    role_id: int
    minutes: int | None
    state: RewardState
    name: str
    obstacle: Obstacle | None
    obstacle_since: datetime | None
    spread: str | None


def lock(tx: Connection, guild_id: int) -> None:
    """One decision about a server's roles at a time."""
    tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('roles', :guild_id))"),
        {"guild_id": guild_id},
    )


# -- rewards ------------------------------------------------------------------------------------

_REWARDS = select(
    rewards.c.role_id,
    rewards.c.minutes,
    rewards.c.state,
    rewards.c.name,
    rewards.c.obstacle,
    rewards.c.obstacle_since,
    rewards.c.spread,
)


def list_rewards(tx: Connection, guild_id: int) -> list[Stored]:
    """The server's rewards, fewest minutes first; the role for being linked comes before them."""
    found = tx.execute(
        _REWARDS.where(rewards.c.guild_id == guild_id).order_by(
            rewards.c.minutes.nulls_first(), rewards.c.role_id
        )
    )
    return [Stored(**row) for row in found.mappings()]


def find_reward(tx: Connection, guild_id: int, role_id: int) -> Stored | None:
    """The reward with this role."""
    found = tx.execute(_REWARDS.where(rewards.c.guild_id == guild_id, rewards.c.role_id == role_id))
    row = found.mappings().first()
    return Stored(**row) if row else None


def list_role_ids(tx: Connection, guild_id: int) -> list[int]:
    """The roles of the server's rewards."""
    return list(
        tx.execute(select(rewards.c.role_id).where(rewards.c.guild_id == guild_id)).scalars()
    )


def list_guilds(tx: Connection) -> list[int]:
    """The servers that have rewards."""
    return list(tx.execute(select(rewards.c.guild_id).distinct()).scalars())


@dataclass(frozen=True, slots=True)
class Stuck:
    """A role that the bot cannot give."""

    guild_id: int
    name: str
    obstacle: Obstacle
    obstacle_since: datetime


def list_stuck(tx: Connection) -> list[Stuck]:
    """The roles that cannot be given, of all servers that the bot is in."""
    columns = rewards.c
    found = tx.execute(
        select(columns.guild_id, columns.name, columns.obstacle, columns.obstacle_since)
        .join_from(rewards, guilds, guilds.c.guild_id == columns.guild_id)
        .where(columns.obstacle.is_not(None), columns.state != "off", guilds.c.left_at.is_(None))
        .order_by(columns.guild_id, columns.role_id)
    )
    return [Stuck(**row) for row in found.mappings()]


def add_reward(
    tx: Connection,
    guild_id: int,
    role_id: int,
    minutes: int | None,
    name: str,
    added_by: int,
    now: datetime,
) -> None:
    """Add it. Raises `IntegrityError`, naming `roles_rewards_once` when the role is a reward
    already, `roles_rewards_one_for_linking` when there is one for being linked."""
    tx.execute(
        rewards.insert().values(
            guild_id=guild_id,
            role_id=role_id,
            minutes=minutes,
            name=name,
            added_by=added_by,
            added_at=now,
        )
    )


def set_reward(tx: Connection, guild_id: int, role_id: int, **values: Any) -> bool:
    """Change columns of a reward; False when there is none."""
    changed = tx.execute(
        update(rewards)
        .where(rewards.c.guild_id == guild_id, rewards.c.role_id == role_id)
        .values(**values)
    )
    return changed.rowcount == 1


def end_refusals(tx: Connection, guild_id: int) -> None:
    """Forget which roles Discord refused: they are tried again."""
    refused = (rewards.c.guild_id == guild_id) & (rewards.c.obstacle == "refused")
    tx.execute(update(rewards).where(refused).values(obstacle=None, obstacle_since=None))


def end_reward(tx: Connection, guild_id: int, role_id: int) -> bool:
    """Forget a reward, and what is known of it; False when there is none."""
    ended = tx.execute(
        delete(rewards).where(rewards.c.guild_id == guild_id, rewards.c.role_id == role_id)
    )
    return ended.rowcount == 1


def end_finished_rewards(tx: Connection, guild_id: int, role_id: int | None = None) -> None:
    """Forget the rewards (or this one) that have been taken from everybody, if only by deleting
    the role."""
    open_for = select(grants.c.role_id).where(
        grants.c.guild_id == guild_id, grants.c.state.in_(("giving", "given", "taking"))
    )
    finished = delete(rewards).where(
        rewards.c.guild_id == guild_id,
        rewards.c.state == "ending",
        rewards.c.role_id.not_in(open_for) | rewards.c.obstacle.is_not_distinct_from("deleted"),
    )
    if role_id is not None:
        finished = finished.where(rewards.c.role_id == role_id)
    tx.execute(finished)


# -- looks --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """When everybody was looked at last, and what that changed."""

    looked_at: datetime | None
    given: int
    taken: int


def find_look(tx: Connection, guild_id: int) -> Look | None:
    """The newest look at everybody."""
    row = (
        tx.execute(
            select(looks.c.looked_at, looks.c.given, looks.c.taken).where(
                looks.c.guild_id == guild_id, looks.c.looked_at.is_not(None)
            )
        )
        .mappings()
        .first()
    )
    return Look(**row) if row else None


def set_look(tx: Connection, guild_id: int, look: Look) -> None:
    """Everybody was looked at."""
    values = {"looked_at": look.looked_at, "given": look.given, "taken": look.taken}
    tx.execute(
        upsert(looks)
        .values(guild_id=guild_id, number=0, **values)
        .on_conflict_do_update(constraint="roles_looks_once", set_=values)
    )


_SET_SPREAD = text("""
    UPDATE roles_rewards SET spread = :terms
     WHERE guild_id = :guild_id AND role_id = :role_id AND spread IS DISTINCT FROM :terms
""")


def set_spread(tx: Connection, guild_id: int, role_id: int, terms: str) -> None:
    """Everybody was looked at under these terms."""
    tx.execute(_SET_SPREAD, {"guild_id": guild_id, "role_id": role_id, "terms": terms})
