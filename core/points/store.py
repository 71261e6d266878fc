"""Queries about points."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Text,
    any_,
    cast,
    func,
    select,
    text,
)

from core.kit.database.connection import among
from core.kit.database.work import ACROSS_GUILDS, Work
from core.people.exclusions.store import excluded_from, select_excluded
from core.people.lookup import named_in
from core.people.records import Viewer
from core.people.store import is_since_forgotten, list_persons
from core.points.records import (
    AccountTotal,
    Balance,
    Entry,
    Flow,
    MoveState,
    PlayLimit,
    Reason,
    Season,
)
from core.points.rules import Balances, Bucket

# -- people ---------------------------------------------------------------------------------------


HAS_POINTS = named_in(Balance.viewer_id)
"""Viewers with a balance."""


def list_accounts(work: Work, viewer_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """Viewer id -> the accounts of that person, their own first. They share one balance."""
    found = list_persons(work.tx, work.guild_id, viewer_ids)
    persons: dict[int, int] = dict(found.items())
    accounts: dict[int, list[int]] = defaultdict(list)
    for account, person in sorted(persons.items()):
        accounts[person].append(account)
    return {
        viewer_id: (
            viewer_id,
            *(account for account in accounts[persons[viewer_id]] if account != viewer_id),
        )
        for viewer_id in viewer_ids
    }


def accounts_of(work: Work, viewer_id: int) -> tuple[int, ...]:
    """The accounts of one person, this one first."""
    return list_accounts(work, [viewer_id])[viewer_id]


# -- balances -------------------------------------------------------------------------------------


def get_balances(work: Work, viewer_ids: Collection[int]) -> Balances:
    """Balances of these accounts."""
    found = select(Balance.viewer_id, Balance.bucket, Balance.points)
    rows = work.execute(found.where(among(Balance.viewer_id, viewer_ids), Balance.points > 0))
    return {(viewer_id, bucket): points for viewer_id, bucket, points in rows}


def list_posted(work: Work, keys: Collection[str]) -> set[str]:
    """The keys that are already in the ledger."""
    # ANY, because a join with thousands of keys is quadratic without statistics.
    first = select(Entry.key).where(
        Entry.key == any_(cast(list(keys), ARRAY(Text))), Entry.part == 0
    )
    return set(work.scalars(first))


def next_entry(work: Work, account: str, viewer_ids: Collection[int]) -> dict[int, int]:
    """Viewer id -> the number of the next entry between them and a house account, for keys of
    causes without their own. Hold the lock."""
    found = select(AccountTotal.viewer_id, AccountTotal.entries).where(
        AccountTotal.account == account,
        AccountTotal.viewer_id == any_(cast(list(viewer_ids), ARRAY(BigInteger))),
    )
    known = {row.viewer_id: row.entries for row in work.execute(found)}
    return {viewer_id: known.get(viewer_id, 0) + 1 for viewer_id in viewer_ids}


def current_season(work: Work) -> int:
    """The number of the current season; 1 before the first one has ended."""
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
    """Viewer id -> stakes minus payouts and refunds of a day; negative after a win. Pending moves
    count."""
    given = {"guild_id": work.guild_id, "viewer_ids": list(viewer_ids), "day": day}
    return {row.viewer_id: row.lost for row in work.tx.execute(_LIST_LOST, given)}


def list_limits(work: Work, viewer_ids: Collection[int]) -> dict[int, PlayLimit]:
    """Viewer id -> the limits of that account."""
    found = select(PlayLimit).where(among(PlayLimit.viewer_id, viewer_ids))
    return {limit.viewer_id: limit for limit in work.scalars(found)}


def list_excluded(work: Work, viewer_ids: Collection[int]) -> set[int]:
    """The accounts that are excluded from everything."""
    found = select_excluded(work.guild_id, "everything")
    excluded: set[int] = set(work.tx.scalars(found))
    return excluded & set(viewer_ids)


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


def list_staked(work: Work, game: str, round: int) -> dict[int, dict[tuple[int, Bucket], int]]:
    """Viewer id -> stakes in our ledger for this round that were not returned, by account and
    bucket."""
    found: dict[int, dict[tuple[int, Bucket], int]] = {}
    given = {"guild_id": work.guild_id, "game": game, "round": round}
    for viewer_id, account, bucket, points in work.tx.execute(_LIST_STAKED, given):
        found.setdefault(viewer_id, {})[account, bucket] = points
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
    """Viewer id -> their confirmed stakes in this round, minus points paid or refunded."""
    given = {"guild_id": work.guild_id, "game": game, "round": round}
    return {row.viewer_id: row.amount for row in work.tx.execute(_LIST_OPEN_STAKES, given)}


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


# -- leaderboard and history ----------------------------------------------------------------------

_EXCLUDED = excluded_from("everything", at=":now")


def _ranked(source: str) -> str:
    """People by points; each under the name of their account with the most. Excluded ones have no
    rank."""
    return f"""
    WITH held AS ({source}), person AS (
        SELECT p.person_id, sum(h.points) AS points,
               (array_agg(h.viewer_id ORDER BY h.points DESC, h.viewer_id))[1] AS viewer_id,
               array_agg(h.viewer_id) AS accounts
          FROM held AS h
          JOIN people_viewers AS p ON p.guild_id = :guild_id AND p.viewer_id = h.viewer_id
         WHERE h.viewer_id NOT IN {_EXCLUDED} AND p.platform_user_id > 0
         GROUP BY 1
    ), ranked AS (
        SELECT rank() OVER (ORDER BY points DESC) AS rank, viewer_id, accounts,
               points::bigint AS points, count(*) OVER () AS people
          FROM person WHERE points > 0
    )
    """


_NOW = _ranked("""SELECT b.viewer_id, sum(b.points) AS points
                    FROM points_balances AS b
                   WHERE b.guild_id = :guild_id AND b.points > 0 GROUP BY b.viewer_id""")
_THEN = _ranked("""SELECT e.viewer_id, -sum(e.amount) AS points
                     FROM points_entries AS e
                    WHERE e.guild_id = :guild_id AND e.account = 'season' AND e.season = :season
                    GROUP BY e.viewer_id""")
_PAGE = """
    SELECT r.rank, r.viewer_id, v.name, r.points, r.people
      FROM (SELECT * FROM ranked ORDER BY points DESC, viewer_id LIMIT :limit OFFSET :offset) AS r
      JOIN people_viewers AS v ON v.guild_id = :guild_id AND v.viewer_id = r.viewer_id
     ORDER BY r.points DESC, r.viewer_id
"""
_PLACES, _OLD_PLACES = text(_NOW + _PAGE), text(_THEN + _PAGE)
_OWN = "SELECT rank, points FROM ranked WHERE CAST(:viewer_id AS bigint) = ANY(accounts)"
_OWN_PLACE, _OLD_OWN_PLACE = text(_NOW + _OWN), text(_THEN + _OWN)


def list_places(work: Work, limit: int, offset: int, season: int = 0) -> Sequence[Row[Any]]:
    """The leaderboard now, or at the end of a season: `rank`, `viewer_id`, `name`, `points`, and
    `people`, the number of ranked people."""
    given = {"guild_id": work.guild_id, "now": work.now, "limit": limit, "offset": offset}
    statement = _OLD_PLACES if season else _PLACES
    return work.tx.execute(statement, given | ({"season": season} if season else {})).all()


def get_place(work: Work, viewer_id: int, season: int = 0) -> Row[Any] | None:
    """`rank` and `points` of a person; None without any points."""
    given = {"guild_id": work.guild_id, "now": work.now, "viewer_id": viewer_id}
    statement = _OLD_OWN_PLACE if season else _OWN_PLACE
    return work.tx.execute(statement, given | ({"season": season} if season else {})).first()


def list_balances(work: Work) -> list[tuple[int, Bucket, int]]:
    """Viewer id, bucket and points of every account with points."""
    held = select(Balance.viewer_id, Balance.bucket, Balance.points).where(Balance.points > 0)
    found = work.execute(held.order_by(Balance.viewer_id, Balance.bucket))
    return [(row.viewer_id, row.bucket, row.points) for row in found]


def list_seasons(work: Work) -> Sequence[Season]:
    """Newest first; empty before the first one has ended."""
    return work.scalars(select(Season).order_by(Season.number.desc())).all()


def count_entries(work: Work, viewer_ids: Collection[int]) -> int:
    """How many entries `list_entries` has of these accounts."""
    return work.count(*_entries_of(viewer_ids))


def list_entries(
    work: Work, viewer_ids: Collection[int], limit: int, offset: int
) -> Sequence[Entry]:
    """Newest first, without entries from before their owner was forgotten."""
    found = select(Entry).where(*_entries_of(viewer_ids))
    return work.scalars(found.order_by(Entry.id.desc()).limit(limit).offset(offset)).all()


def _entries_of(viewer_ids: Collection[int]) -> tuple[ColumnElement[bool], ...]:
    return among(Entry.viewer_id, viewer_ids), is_since_forgotten(Entry, Entry.at)


def list_account_totals(work: Work, account: str) -> dict[int, int]:
    """Viewer id -> the total they got from a house account."""
    found = select(AccountTotal.viewer_id, AccountTotal.points)
    rows = work.execute(found.where(AccountTotal.account == account))
    return {row.viewer_id: row.points for row in rows}


def list_totals(work: Work, viewer_ids: Collection[int]) -> dict[str, int]:
    """House account -> the total a person got from it since they were last forgotten; negative if
    they paid more."""
    came_back = among(Viewer.viewer_id, viewer_ids), Viewer.forgotten_at.is_not(None)
    account, total = AccountTotal.account, func.sum(AccountTotal.points)
    which: tuple[ColumnElement[bool], ...] = (among(AccountTotal.viewer_id, viewer_ids),)
    if work.scalar(select(Viewer.viewer_id).where(*came_back).limit(1)) is not None:
        account, total, which = Entry.account, func.sum(Entry.amount), _entries_of(viewer_ids)
    grouped = select(account, total).where(*which).group_by(account).order_by(total.desc())
    return {account: int(points) for account, points in work.execute(grouped) if points}


def get_given(work: Work, viewer_ids: Collection[int], day: date) -> tuple[int, datetime | None]:
    """Points that a person gave to others on a day, and the time of their last gift."""
    gifts = (Entry.account == "gift", Entry.amount < 0, among(Entry.viewer_id, viewer_ids))
    given = select(-func.coalesce(func.sum(Entry.amount), 0)).where(*gifts, Entry.day == day)
    last = select(func.max(Entry.at)).where(*gifts)
    return int(work.scalar(given) or 0), work.scalar(last)


# -- the economy ----------------------------------------------------------------------------------


def list_flows(work: Work, since: date) -> Sequence[Flow]:
    """Points given and taken by each house account per day, oldest first."""
    found = select(Flow).where(Flow.day >= since, Flow.account != "gift")
    return work.scalars(found.order_by(Flow.day, Flow.account)).all()


def get_supply(work: Work) -> dict[str, int]:
    """Bucket -> the total that viewers hold."""
    held = select(Balance.bucket, func.sum(Balance.points)).group_by(Balance.bucket)
    return {bucket: int(points) for bucket, points in work.execute(held)}


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
    """Numbers of entries and balances, points held by viewers, and points given minus taken by
    house accounts, in all guilds."""
    return tx.execute(_COUNT).one()
