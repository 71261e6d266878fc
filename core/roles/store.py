"""Queries about many members at once."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds.actions import gives_roles, load_settings
from core.guilds.records import Guild
from core.kit.database.connection import among
from core.kit.database.records import MemberId, table_of
from core.kit.database.work import ACROSS_GUILDS, Work
from core.people.exclusions.store import excluded_from
from core.people.records import Link
from core.roles.records import RoleGrant, RoleReward
from core.roles.rules import Grant, RoleSettings, State

grants = table_of(RoleGrant)


def list_rewards(work: Work) -> Sequence[RoleReward]:
    """By minutes; the role for linked members comes first."""
    order = (RoleReward.minutes.nulls_first(), RoleReward.role_id)
    return work.scalars(select(RoleReward).order_by(*order)).all()


@gives_roles
def list_automatic(work: Work) -> dict[int, str]:
    """The roles that members get for watching or linking, including paused ones."""
    return dict.fromkeys(list_role_ids(work), "/roles remove")


def list_role_ids(work: Work) -> Sequence[int]:
    """The roles of all rewards."""
    return work.scalars(select(RoleReward.role_id)).all()


def list_guilds(tx: Connection) -> Sequence[int]:
    """The guilds that have rewards."""
    wanted = select(RoleReward.guild_id).distinct()
    return tx.execute(wanted, execution_options=ACROSS_GUILDS).scalars().all()


def list_stuck(tx: Connection) -> Sequence[Any]:
    """The rewards that cannot be assigned, in all guilds that the bot is in."""
    wanted = (
        select(RoleReward)
        .join(Guild, Guild.guild_id == RoleReward.guild_id)
        .where(
            RoleReward.obstacle.is_not(None),
            RoleReward.state != "off",
            Guild.left_at.is_(None),
        )
        .order_by(RoleReward.guild_id, RoleReward.role_id)
    )
    return tx.execute(wanted, execution_options=ACROSS_GUILDS).all()


def list_linked(work: Work, only: Collection[int] | None = None) -> set[int]:
    """The members with a linked account, all or those among these."""
    found = select(Link.discord_id).where(Link.guild_id == work.guild_id)
    if only is not None:
        found = found.where(among(Link.discord_id, only))
    return set(work.tx.execute(found).scalars())


def list_grants(work: Work, only: Collection[int] | None = None) -> Mapping[int, dict[int, Grant]]:
    """Member -> role -> its state, for all members or for these."""
    columns = grants.c
    wanted = select(
        columns.discord_id, columns.role_id, columns.state, columns.at, columns.number
    ).where(columns.guild_id == work.guild_id)
    if only is not None:
        wanted = wanted.where(among(columns.discord_id, only))
    found: defaultdict[int, dict[int, Grant]] = defaultdict(dict)
    for discord_id, role_id, state, at, number in work.tx.execute(wanted):
        found[discord_id][role_id] = Grant(state, at, number)
    return found


# A checked member must not be due again unless something changes, or every credit would check them
# again. So in the mode `highest` this ignores a lower role beside one that cannot be assigned now,
# which the member may have; the check of all members handles it.
_LIST_DUE = text(f"""
    WITH rewards AS (
        SELECT role_id, obstacle, minutes * INTERVAL '1 minute' AS needed,
               (SELECT min(higher.minutes) FROM roles_rewards AS higher
                 WHERE higher.guild_id = :guild_id AND higher.state = 'on'
                   AND higher.minutes > reward.minutes) * INTERVAL '1 minute' AS higher
          FROM roles_rewards AS reward
         WHERE reward.guild_id = :guild_id AND state = 'on' AND minutes IS NOT NULL
    ), open AS (
        SELECT * FROM rewards WHERE obstacle IS NULL
    ), members AS (
        SELECT l.discord_id, sum(w.watched) AS watched
          FROM people_links l
          JOIN watchtime_totals AS w ON w.guild_id = l.guild_id AND w.viewer_id = l.viewer_id
         WHERE l.guild_id = :guild_id
           AND l.viewer_id NOT IN {excluded_from("watchtime")}
         GROUP BY l.discord_id
    )
    SELECT m.discord_id
      FROM members m
      JOIN open ON m.watched >= open.needed
       AND (:stack OR open.higher IS NULL OR m.watched < open.higher)
     WHERE NOT EXISTS (SELECT FROM roles_grants AS g
                        WHERE g.guild_id = :guild_id AND g.discord_id = m.discord_id
                          AND g.role_id = open.role_id AND g.state <> 'taken')
     UNION
    SELECT g.discord_id
      FROM roles_grants AS g
      JOIN open USING (role_id)
      LEFT JOIN members m USING (discord_id)
     WHERE g.guild_id = :guild_id AND g.state IN ('giving', 'given')
       AND (m.watched >= open.needed) IS NOT TRUE
""")


def list_due(work: Work) -> list[int]:
    """Members who reached a role that they do not have, and those who have one from us that they no
    longer earn. Cheap enough for every credit."""
    stack = load_settings(work, RoleSettings).mode == "stack"
    given = {"guild_id": work.guild_id, "stack": stack}
    return list(work.tx.execute(_LIST_DUE, given).scalars())


_new = upsert(grants)
_SET_GRANTS = _new.on_conflict_do_update(
    constraint="roles_grants_once",
    set_={name: _new.excluded[name] for name in ("state", "reason", "number", "at")},
)


def set_grants(work: Work, changes: Sequence[dict[str, Any]]) -> None:
    """Add or replace states, given without guild and time."""
    if changes:
        same = {"guild_id": work.guild_id, "at": work.now}
        work.tx.execute(_SET_GRANTS, [same | change for change in changes])


# Changes that Discord may have made count as given: if they counted as assigned by a moderator,
# they would never be removed. The next check corrects those that were not made.
_SET_STOPPED = text("""
    UPDATE roles_grants
       SET state = CASE WHEN state = 'giving'
                         AND number IN (SELECT unnest(CAST(:never_given AS bigint[])))
                        THEN 'taken' ELSE 'given' END,
           at = :long_ago
     WHERE roles_grants.guild_id = :guild_id AND role_id = :role_id
       AND state IN ('giving', 'taking')
""")


def set_stopped(work: Work, role_id: int, never_given: Sequence[int], long_ago: datetime) -> None:
    """Undo the pending changes of a role; the numbers `never_given` did not reach Discord."""
    given = {"guild_id": work.guild_id, "role_id": role_id}
    work.tx.execute(_SET_STOPPED, {**given, "never_given": list(never_given), "long_ago": long_ago})


def count_grants(work: Work) -> dict[tuple[int, str], int]:
    """(role, state) -> number of members."""
    counts = select(RoleGrant.role_id, RoleGrant.state, func.count())
    found = work.execute(counts.group_by(RoleGrant.role_id, RoleGrant.state))
    return {(role_id, state): count for role_id, state, count in found}


class Holder(NamedTuple):
    """A member who has a role, or is about to get or lose it; how, and since when we know."""

    discord_id: MemberId
    state: State
    at: datetime | None


def list_holders(work: Work, role_id: int) -> list[Holder]:
    """All members with a state for this role, newest first."""
    found = work.execute(
        select(RoleGrant.discord_id, RoleGrant.state, RoleGrant.at)
        .where(RoleGrant.role_id == role_id)
        .order_by(RoleGrant.at.desc(), RoleGrant.discord_id)
    )
    return [Holder(*row) for row in found]
