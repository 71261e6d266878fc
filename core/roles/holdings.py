"""The statements about who has which role, and what was asked for."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kit.database import among
from core.people.exclusions.store import excluded_from
from core.people.records import Link
from core.roles.rules import Grant
from core.roles.tables import grants, looks, rewards


def list_linked(tx: Connection, guild_id: int, only: Collection[int] | None = None) -> set[int]:
    """The members to whom an account belongs, all or those among these."""
    found = select(Link.discord_id).where(Link.guild_id == guild_id)
    if only is not None:
        found = found.where(among(Link.discord_id, only))
    return set(tx.execute(found).scalars())


def list_grants(
    tx: Connection, guild_id: int, only: Collection[int] | None = None
) -> Mapping[int, dict[int, Grant]]:
    """Member -> role -> what we know, of all or of these."""
    columns = grants.c
    wanted = select(
        columns.discord_id, columns.role_id, columns.state, columns.at, columns.number
    ).where(columns.guild_id == guild_id)
    if only is not None:
        wanted = wanted.where(among(columns.discord_id, only))
    found: defaultdict[int, dict[int, Grant]] = defaultdict(dict)
    for discord_id, role_id, state, at, number in tx.execute(wanted):
        found[discord_id][role_id] = Grant(state, at, number)
    return found


# Whoever is looked at is not due again unless something changes, or every credit would look anew.
# So in the mode `highest` a lower role is not asked for beside one that cannot be given now, which
# the member may hold; the look at everybody takes care of that.
_LIST_DUE = text(f"""
    WITH rewards AS (
        SELECT role_id, obstacle, minutes * INTERVAL '1 minute' AS needed,
               (SELECT min(higher.minutes) FROM roles_rewards AS higher
                 WHERE higher.guild_id = :guild_id AND higher.state = 'on'
                   AND higher.minutes > reward.minutes) * INTERVAL '1 minute' AS higher
          FROM roles_rewards AS reward
         WHERE guild_id = :guild_id AND state = 'on' AND minutes IS NOT NULL
    ), open AS (
        SELECT * FROM rewards WHERE obstacle IS NULL
    ), members AS (
        SELECT l.discord_id, sum(w.watched) AS watched
          FROM people_links l
          JOIN watchtime_totals w ON w.guild_id = l.guild_id AND w.viewer_id = l.viewer_id
         WHERE l.guild_id = :guild_id
           AND l.viewer_id NOT IN {excluded_from("watchtime")}
         GROUP BY l.discord_id
    )
    SELECT m.discord_id
      FROM members m
      JOIN open ON m.watched >= open.needed
       AND (:stack OR open.higher IS NULL OR m.watched < open.higher)
     WHERE NOT EXISTS (SELECT FROM roles_grants g
                        WHERE g.guild_id = :guild_id AND g.discord_id = m.discord_id
                          AND g.role_id = open.role_id AND g.state <> 'taken')
     UNION
    SELECT g.discord_id
      FROM roles_grants g
      JOIN open USING (role_id)
      LEFT JOIN members m USING (discord_id)
     WHERE g.guild_id = :guild_id AND g.state IN ('giving', 'given')
       AND (m.watched >= open.needed) IS NOT TRUE
""")


def list_due(tx: Connection, guild_id: int, *, stack: bool) -> list[int]:
    """The members who have reached a role that they do not have, and those who have one from us
    that they have not earned any more."""
    return list(tx.execute(_LIST_DUE, {"guild_id": guild_id, "stack": stack}).scalars())


@dataclass(frozen=True, slots=True)
class Change:
    """What we know of a member and role from now on."""

    discord_id: int
    role_id: int
    state: str
    reason: str
    number: int


def set_grants(tx: Connection, guild_id: int, changes: Sequence[Change], now: datetime) -> None:
    """Write down what we know."""
    if not changes:
        return
    new = upsert(grants)
    told = {name: new.excluded[name] for name in ("state", "reason", "number", "at")}
    tx.execute(
        new.on_conflict_do_update(constraint="roles_grants_once", set_=told),
        [
            {
                "guild_id": guild_id,
                "discord_id": change.discord_id,
                "role_id": change.role_id,
                "state": change.state,
                "reason": change.reason,
                "number": change.number,
                "at": now,
            }
            for change in changes
        ],
    )


def set_settled(tx: Connection, guild_id: int, number: int, state: str, now: datetime) -> bool:
    """Discord has answered to the change with this number; False when something newer was asked
    for since."""
    changed = tx.execute(
        update(grants)
        .where(grants.c.guild_id == guild_id, grants.c.number == number)
        .values(state=state, at=now)
    )
    return changed.rowcount == 1


def list_waiting(tx: Connection, guild_id: int, role_id: int) -> list[int]:
    """The numbers of the changes that wait for Discord."""
    columns = grants.c
    found = select(columns.number).where(
        columns.guild_id == guild_id,
        columns.role_id == role_id,
        columns.state.in_(("giving", "taking")),
    )
    return list(tx.execute(found).scalars())


# What Discord was asked for and may have done counts as given: were it taken for the gift of a
# moderator, it would never be taken again. A look at who holds it puts right what was not done.
_SET_STOPPED = text("""
    UPDATE roles_grants
       SET state = CASE WHEN state = 'giving'
                         AND number IN (SELECT unnest(CAST(:never_given AS bigint[])))
                        THEN 'taken' ELSE 'given' END,
           at = :long_ago
     WHERE guild_id = :guild_id AND role_id = :role_id AND state IN ('giving', 'taking')
""")


def set_stopped(
    tx: Connection, guild_id: int, role_id: int, never_given: Sequence[int], long_ago: datetime
) -> None:
    """What waits for a role is as it was before; `never_given` surely did not reach Discord."""
    key = {"guild_id": guild_id, "role_id": role_id}
    tx.execute(_SET_STOPPED, {**key, "never_given": list(never_given), "long_ago": long_ago})


def count_grants(tx: Connection, guild_id: int) -> dict[tuple[int, str], int]:
    """(role, state) -> how many members."""
    found = tx.execute(
        select(grants.c.role_id, grants.c.state, func.count())
        .where(grants.c.guild_id == guild_id)
        .group_by(grants.c.role_id, grants.c.state)
    )
    return {(role_id, state): count for role_id, state, count in found}


@dataclass(frozen=True, slots=True)
class Holder:
    """A member who has a role, or is about to get or lose it; how, and since when we know."""

    discord_id: int
    state: str
    at: datetime | None


def list_holders(tx: Connection, guild_id: int, role_id: int) -> list[Holder]:
    """Everybody of whom we know something about this role."""
    columns = grants.c
    found = tx.execute(
        select(columns.discord_id, columns.state, columns.at)
        .where(columns.guild_id == guild_id, columns.role_id == role_id)
        .order_by(columns.at.desc(), columns.discord_id)
    )
    return [Holder(**row) for row in found.mappings()]


def list_of_member(tx: Connection, guild_id: int, discord_id: int) -> list[dict[str, Any]]:
    """All that is known of one member."""
    found = tx.execute(
        select(rewards.c.name, grants.c.state, grants.c.reason, grants.c.at)
        .join_from(
            grants,
            rewards,
            (rewards.c.guild_id == grants.c.guild_id) & (rewards.c.role_id == grants.c.role_id),
        )
        .where(grants.c.guild_id == guild_id, grants.c.discord_id == discord_id)
        .order_by(grants.c.at)
    )
    return [dict(row) for row in found.mappings()]


def end_member(tx: Connection, guild_id: int, discord_id: int) -> None:
    """Forget what is known of a member."""
    tx.execute(
        delete(grants).where(grants.c.guild_id == guild_id, grants.c.discord_id == discord_id)
    )


def take_numbers(tx: Connection, guild_id: int, count: int) -> range:
    """So many new numbers for changes, which no other change of this server ever had."""
    if count == 0:
        return range(0)
    new = upsert(looks).values(guild_id=guild_id, number=count)
    last: int = tx.execute(
        new.on_conflict_do_update(
            constraint="roles_looks_once", set_={"number": looks.c.number + count}
        ).returning(looks.c.number)
    ).scalar_one()
    return range(last - count + 1, last + 1)
