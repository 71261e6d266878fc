"""Queries about points. Those over many rows are set-based."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select, text

from core.kit.database import among
from core.kit.work import ACROSS_GUILDS, Work
from core.people.exclusions.store import select_excluded
from core.points.records import (
    AccountTotal,
    Balance,
    Bucket,
    Entry,
    MoveState,
    PlayLimit,
    Reason,
    Season,
)
from core.points.rules import Balances

# -- people ---------------------------------------------------------------------------------------

_LIST_ACCOUNTS = text("""
    SELECT asked.viewer_id, theirs.viewer_id AS account
      FROM unnest(CAST(:viewer_ids AS bigint[])) AS asked (viewer_id)
      JOIN people_links AS l ON l.guild_id = :guild_id AND l.viewer_id = asked.viewer_id
      JOIN people_links AS theirs
        ON theirs.guild_id = :guild_id AND theirs.discord_id = l.discord_id
     ORDER BY asked.viewer_id, theirs.viewer_id
""")


def list_accounts(work: Work, viewer_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """Viewer id -> the accounts of that person, their own first. They share one balance."""
    given = {"guild_id": work.guild_id, "viewer_ids": list(viewer_ids)}
    others: dict[int, list[int]] = defaultdict(list)
    for viewer_id, account in work.tx.execute(_LIST_ACCOUNTS, given):
        if account != viewer_id:
            others[viewer_id].append(account)
    return {viewer_id: (viewer_id, *others[viewer_id]) for viewer_id in viewer_ids}


def person_of(accounts: Collection[int]) -> int:
    """The same number for each of a person's accounts."""
    return min(accounts)


# -- balances -------------------------------------------------------------------------------------


def get_balances(work: Work, viewer_ids: Collection[int]) -> Balances:
    """What these accounts have."""
    found = select(Balance.viewer_id, Balance.bucket, Balance.points)
    rows = work.execute(found.where(among(Balance.viewer_id, viewer_ids), Balance.points > 0))
    return {(viewer_id, bucket): points for viewer_id, bucket, points in rows}


def list_posted(work: Work, keys: Collection[str]) -> set[str]:
    """Those of the keys that are in the ledger."""
    first = select(Entry.key).where(among(Entry.key, keys), Entry.part == 0)
    return set(work.scalars(first))


def next_entry(work: Work, account: str, viewer_ids: Collection[int]) -> dict[int, int]:
    """Viewer id -> the number of the next entry between them and a house account. It makes a key
    where the cause has none; hold the lock."""
    found = select(AccountTotal.viewer_id, AccountTotal.entries).where(
        AccountTotal.account == account, among(AccountTotal.viewer_id, viewer_ids)
    )
    known = {viewer_id: entries for viewer_id, entries in work.execute(found)}
    return {one: known.get(one, 0) + 1 for one in viewer_ids}


def current_season(work: Work) -> int:
    """The number of the season; 1 before the first one has ended."""
    return work.scalar(select(func.max(Season.number))) or 1


# -- games ----------------------------------------------------------------------------------------

_LIST_LOST = text("""
    SELECT m.viewer_id,
           sum(CASE WHEN o.kind = 'take' THEN m.amount ELSE -m.amount END)::bigint AS lost
      FROM points_moves AS m
      JOIN points_operations AS o ON o.guild_id = m.guild_id AND o.key = m.key
     WHERE m.guild_id = :guild_id AND m.viewer_id = ANY(CAST(:viewer_ids AS bigint[]))
       AND m.day = :day AND m.state <> 'refused'
     GROUP BY m.viewer_id
""")


def list_lost(work: Work, viewer_ids: Collection[int], day: date) -> dict[int, int]:
    """Viewer id -> stakes less payouts and refunds of a day; below zero for who has won. What is
    still being moved counts as moved."""
    given = {"guild_id": work.guild_id, "viewer_ids": list(viewer_ids), "day": day}
    return {one.viewer_id: one.lost for one in work.tx.execute(_LIST_LOST, given)}


def list_limits(work: Work, viewer_ids: Collection[int]) -> dict[int, PlayLimit]:
    """Viewer id -> what is set for that account."""
    found = select(PlayLimit).where(among(PlayLimit.viewer_id, viewer_ids))
    return {one.viewer_id: one for one in work.scalars(found)}


def list_excluded(work: Work, viewer_ids: Collection[int]) -> set[int]:
    """Those of the accounts that are excluded from everything."""
    found = select_excluded(work.guild_id, "everything")
    asked = set(viewer_ids)
    return {one for one in work.tx.scalars(found) if one in asked}


class Staked(NamedTuple):
    """What a viewer has in a round, less what came back; by account and bucket."""

    parts: dict[tuple[int, Bucket], int]

    @property
    def total(self) -> int:
        return sum(self.parts.values())


_LIST_STAKED = text("""
    SELECT m.viewer_id, e.viewer_id AS account, e.bucket, -sum(e.amount)::bigint AS points
      FROM points_operations AS o
      JOIN points_moves AS m ON m.guild_id = o.guild_id AND m.key = o.key
      JOIN points_entries AS e
        ON e.guild_id = m.guild_id AND e.key = m.key || ':' || m.viewer_id
     WHERE o.guild_id = :guild_id AND o.game = :game AND o.round = :round
     GROUP BY m.viewer_id, e.viewer_id, e.bucket
    HAVING sum(e.amount) < 0
""")


def list_staked(work: Work, game: str, round: int) -> Mapping[int, Staked]:
    """Viewer id -> what our ledger took from them for this round and has not given back."""
    found: dict[int, Staked] = {}
    given = {"guild_id": work.guild_id, "game": game, "round": round}
    for viewer_id, account, bucket, points in work.tx.execute(_LIST_STAKED, given):
        found.setdefault(viewer_id, Staked({})).parts[account, bucket] = points
    return found


_LIST_OPEN_STAKES = text("""
    SELECT m.viewer_id,
           sum(CASE o.kind WHEN 'take' THEN m.amount ELSE -m.amount END)::bigint AS amount
      FROM points_operations AS o
      JOIN points_moves AS m ON m.guild_id = o.guild_id AND m.key = o.key
     WHERE o.guild_id = :guild_id AND o.game = :game AND o.round = :round
       AND (o.kind = 'take' AND m.state = 'confirmed' OR o.kind <> 'take' AND m.state <> 'refused')
     GROUP BY m.viewer_id
    HAVING sum(CASE o.kind WHEN 'take' THEN m.amount ELSE -m.amount END) > 0
""")


def list_open_stakes(work: Work, game: str, round: int) -> dict[int, int]:
    """Viewer id -> their confirmed stakes in this round, less what was paid or refunded."""
    given = {"guild_id": work.guild_id, "game": game, "round": round}
    return {one.viewer_id: one.amount for one in work.tx.execute(_LIST_OPEN_STAKES, given)}


_ADD_MOVES = text("""
    INSERT INTO points_moves (guild_id, key, day, viewer_id, amount, state, reason)
    SELECT :guild_id, :key, :day, viewer_id, amount, state, reason
      FROM unnest(CAST(:viewer_ids AS bigint[]), CAST(:amounts AS bigint[]),
                  CAST(:states AS text[]), CAST(:reasons AS text[]))
               AS move (viewer_id, amount, state, reason)
""")


def add_moves(
    work: Work, key: str, day: date, moves: Sequence[tuple[int, int, MoveState, Reason | None]]
) -> None:
    """Store the viewers' parts of an operation: viewer id, amount, state, reason."""
    columns = [list(column) for column in zip(*moves, strict=True)] or [[], [], [], []]
    names = ("viewer_ids", "amounts", "states", "reasons")
    given = dict(zip(names, columns, strict=True)) | {"key": key, "day": day}
    work.tx.execute(_ADD_MOVES, given | {"guild_id": work.guild_id})


# -- the audit ------------------------------------------------------------------------------------

_LIST_DRIFT = text("""
    WITH cached AS (
        SELECT 'balance of ' || bucket AS what, guild_id, viewer_id, points FROM points_balances
        UNION ALL
        SELECT 'total of ' || account, guild_id, viewer_id, points FROM points_totals
        UNION ALL
        SELECT 'house account ' || account, guild_id, 0, sum(given - taken)::bigint
          FROM points_flows GROUP BY guild_id, account
    ), entries AS (
        SELECT what, guild_id, owner AS viewer_id, sum(amount)::bigint AS points
          FROM points_entries, LATERAL (VALUES ('balance of ' || bucket, viewer_id),
                                               ('total of ' || account, viewer_id),
                                               ('house account ' || account, 0::bigint))
                                    AS counted (what, owner)
         GROUP BY what, guild_id, owner
    )
    SELECT what, guild_id, viewer_id,
           COALESCE(cached.points, 0) AS cached, COALESCE(entries.points, 0) AS summed
      FROM cached FULL JOIN entries USING (what, guild_id, viewer_id)
     WHERE COALESCE(cached.points, 0) <> COALESCE(entries.points, 0)
     ORDER BY guild_id, viewer_id, what
""").execution_options(**ACROSS_GUILDS)


def list_drift(tx: Connection) -> Sequence[Row[Any]]:
    """Every balance, total and house account that is not the sum of its entries, in all guilds. A
    house account has no viewer (0)."""
    return tx.execute(_LIST_DRIFT).all()


_COUNT = text("""
    SELECT (SELECT count(*) FROM points_entries) AS entries,
           (SELECT count(*) FROM points_balances) AS balances,
           (SELECT COALESCE(sum(points), 0) FROM points_balances)::bigint AS held,
           (SELECT COALESCE(sum(given - taken), 0) FROM points_flows)::bigint AS given
""").execution_options(**ACROSS_GUILDS)


def count_ledger(tx: Connection) -> Row[Any]:
    """How many entries and balances there are, what viewers hold, and what house accounts gave less
    what they took, in all guilds."""
    return tx.execute(_COUNT).one()
