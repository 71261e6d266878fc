"""The only code that writes entries, and with them balances, totals and flows."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from core.guilds.actions import time_zone_of
from core.kit.database.work import Lock, Work, note_change
from core.points import store
from core.points.rules import Bucket, Part


class NewEntry(NamedTuple):
    """An entry to post."""

    key: str
    viewer_id: int
    bucket: Bucket
    amount: int
    part: int = 0
    at: datetime | None = None
    """None: `work.now`."""


_ADD_BALANCES = text("""
    INSERT INTO points_balances (guild_id, viewer_id, bucket, points)
    SELECT :guild_id, viewer_id, bucket, 0
      FROM (SELECT DISTINCT viewer_id, bucket
              FROM unnest(CAST(:viewer_ids AS bigint[]), CAST(:buckets AS text[]))
                       AS given (viewer_id, bucket)) AS holders
        ON CONFLICT ON CONSTRAINT points_balances_once DO NOTHING
""")
_POST = text("""
    WITH posted AS (
        INSERT INTO points_entries (guild_id, key, part, viewer_id, account, bucket, amount,
                                    season, day, reason, actor, at)
        SELECT :guild_id, key, part, viewer_id, :account, bucket, amount, :season, :day, :reason,
               CAST(:actor AS bigint), COALESCE(entry.at, :now)
          FROM unnest(CAST(:keys AS text[]), CAST(:viewer_ids AS bigint[]),
                      CAST(:buckets AS text[]), CAST(:amounts AS bigint[]),
                      CAST(:parts AS integer[]), CAST(:ats AS timestamptz[]))
                   AS entry (key, viewer_id, bucket, amount, part, at)
            ON CONFLICT ON CONSTRAINT points_entries_once DO NOTHING
        RETURNING viewer_id, bucket, amount
    ), in_buckets AS (
        SELECT viewer_id, bucket, sum(amount) AS amount FROM posted GROUP BY viewer_id, bucket
    ), balanced AS (
        UPDATE points_balances AS b SET points = b.points + i.amount
          FROM in_buckets AS i
         WHERE b.guild_id = :guild_id AND b.viewer_id = i.viewer_id AND b.bucket = i.bucket
    ), totalled AS (
        INSERT INTO points_totals AS t (guild_id, viewer_id, account, points, entries)
        SELECT :guild_id, viewer_id, :account, sum(amount), count(*) FROM posted
         GROUP BY viewer_id
            ON CONFLICT ON CONSTRAINT points_totals_once
            DO UPDATE SET points = t.points + excluded.points,
                          entries = t.entries + excluded.entries
    ), flowed AS (
        INSERT INTO points_flows AS f (guild_id, account, day, given, taken)
        SELECT :guild_id, :account, :day,
               COALESCE(sum(amount) FILTER (WHERE amount > 0), 0),
               COALESCE(-sum(amount) FILTER (WHERE amount < 0), 0)
          FROM posted HAVING count(*) > 0
            ON CONFLICT ON CONSTRAINT points_flows_once
            DO UPDATE SET given = f.given + excluded.given, taken = f.taken + excluded.taken
    )
    SELECT count(*) FROM posted
""")


def today(work: Work) -> date:
    """The day of `work.now` in the server's time zone."""
    return work.now.astimezone(time_zone_of(work)).date()


def post(
    work: Work,
    account: str,
    new: Sequence[NewEntry],
    *,
    reason: str = "",
    actor: int | None = None,
    day: date | None = None,
) -> int:
    """Move points between a house account and viewers; returns the number of new entries. All
    entries get `day`, by default today. For causes with several parts call `store.list_posted`
    first, after the lock.

    Raises:
        IntegrityError: `points_balances_never_below_zero`.
    """
    if not new:
        return 0
    work.lock(Lock.POINTS)
    columns = [list(column) for column in zip(*new, strict=True)]
    names = ("keys", "viewer_ids", "buckets", "amounts", "parts", "ats")
    values: dict[str, Any] = dict(zip(names, columns, strict=True))
    values |= {"guild_id": work.guild_id, "account": account, "now": work.now}
    values["day"] = day or today(work)
    values |= {"season": store.current_season(work), "reason": reason, "actor": actor}
    work.tx.execute(_ADD_BALANCES, values)
    posted = int(work.tx.execute(_POST, values).scalar_one())
    if posted:
        note_change(work.tx, work.guild_id, "points")
    return posted


def entries_for(key: str, parts: Sequence[Part], sign: int) -> list[NewEntry]:
    """The entries of a cause that gives (`sign` 1) or removes (-1) these parts."""
    return [
        NewEntry(key, viewer_id, bucket, sign * amount, number)
        for number, (viewer_id, bucket, amount) in enumerate(parts)
    ]
