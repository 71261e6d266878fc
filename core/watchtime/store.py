"""Queries that write facts and credit them. Reading is in `standings.py`.

How it stays exact: `watched` is a function of two facts, `present` and the streams' confirmed
intervals. Changing a fact marks the affected streams with `stale_from`; the credit recomputes every
row whose presence reaches into a stale part, and clears the mark. So the result does not depend on
when or how often it runs, and unchanged rows are not written.

Locks, in this order: one advisory lock per server (shared for writing facts, exclusive for the
credit), then rows. Without it a credit could clear a mark while a related message is written but
not yet committed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, case, func, select, text
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert

from core.kit.database.connection import as_json, notify_after_commit
from core.kit.database.work import ACROSS_GUILDS, note_change
from core.watchtime.records import ConfirmedStream, OfflineCheck
from core.watchtime.rules import LimitedDay

streams, offline_checks = ConfirmedStream.__table__, OfflineCheck.__table__

CREDITED = "watchtime.credited"
"""Topic: watchtime in the server `guild_id` has changed."""


def notify_credited(tx: Connection, guild_id: int) -> None:
    """Notify features that reward watchtime, after the commit."""
    notify_after_commit(tx, CREDITED, guild_id=str(guild_id))
    note_change(tx, guild_id, "watchtime")


# A message on time lies after everything confirmed and needs no mark: the stream's next
# confirmation marks itself. Only a late one reaches into a part that may have been credited.
_ADD_PRESENCE = text("""
    WITH said AS (
        SELECT guild_id, viewer_id, day, platform, max(spoke_at) AS spoke_at,
               range_agg(tstzrange(starts_at, ends_at)) AS present
          FROM jsonb_to_recordset(CAST(:present AS jsonb))
            AS said (guild_id bigint, viewer_id bigint, platform text, spoke_at timestamptz,
                     day date, starts_at timestamptz, ends_at timestamptz)
         GROUP BY guild_id, viewer_id, day, platform
    ), changed AS (
        INSERT INTO watchtime_days AS d
               (guild_id, viewer_id, day, platform, present, spoke_at)
        SELECT guild_id, viewer_id, day, platform, present, spoke_at FROM said
         ORDER BY guild_id, viewer_id, day
            ON CONFLICT ON CONSTRAINT watchtime_days_once DO UPDATE
           SET present = d.present + excluded.present,
               spoke_at = GREATEST(d.spoke_at, excluded.spoke_at)
         WHERE NOT d.present @> excluded.present OR d.spoke_at < excluded.spoke_at
        RETURNING guild_id, viewer_id, day
    ), late AS (
        SELECT s.guild_id, s.platform, s.started_at, min(lower(said.present)) AS starts_at
          FROM changed JOIN said USING (guild_id, viewer_id, day)
          JOIN watchtime_streams AS s
            ON s.guild_id = said.guild_id AND s.platform = said.platform
           AND s.until > lower(said.present) AND s.started_at < upper(said.present)
         GROUP BY s.guild_id, s.platform, s.started_at
    )
    UPDATE watchtime_streams AS s
       SET stale_from = LEAST(s.stale_from, GREATEST(s.started_at, late.starts_at))
      FROM late
     WHERE s.guild_id = late.guild_id AND s.platform = late.platform
       AND s.started_at = late.started_at
""")


def add_presence(tx: Connection, present: Sequence[Mapping[str, Any]]) -> None:
    """Add to viewers' presence; adding it again changes nothing.

    Args:
        present: guild_id, viewer_id, platform, spoke_at, day, starts_at, ends_at.
    """
    if present:
        tx.execute(_ADD_PRESENCE, {"present": as_json(present)})


STILL_LIVE = timedelta(minutes=5)
"""Kick's list of live channels lags behind a little. A channel that is seen live for longer than
this after the end has resumed the same stream: it did not end."""


def _set_stream() -> Insert:
    new = upsert(ConfirmedStream)
    said = new.excluded
    seen = func.greatest(streams.c.seen_at, said.seen_at)
    last_end = func.greatest(streams.c.ended_at, said.ended_at)
    end = case((seen <= last_end + STILL_LIVE, last_end))
    return new.on_conflict_do_update(
        constraint="watchtime_streams_once",
        set_={
            "seen_at": seen,
            "ended_at": end,
            # LEAST ignores NULL. The new `until` is one of these two.
            "stale_from": func.least(streams.c.stale_from, streams.c.until, said.until),
        },
        where=(streams.c.seen_at < said.seen_at) | streams.c.ended_at.is_distinct_from(end),
    )


_SET_STREAM = _set_stream()


def set_stream(
    tx: Connection,
    guild_id: int,
    platform: str,
    started_at: datetime,
    *,
    seen_at: datetime,
    ended_at: datetime | None = None,
) -> bool:
    """The platform reported that this stream was live at `seen_at`, or that it ended; False if that
    is known. Facts only grow: in whatever order they arrive, the last check and, unless it
    overrides it, the last end are kept."""
    stream = {"guild_id": guild_id, "platform": platform, "started_at": started_at}
    seen = {"seen_at": seen_at, "ended_at": ended_at, "stale_from": started_at}
    return tx.execute(_SET_STREAM, stream | seen).rowcount == 1


def set_seen_offline(tx: Connection, guild_id: int, platform: str, at: datetime) -> bool:
    """The channel was not live at `at`; False if a newer check reported that already."""
    changed = tx.execute(
        upsert(OfflineCheck)
        .values(guild_id=guild_id, platform=platform, seen_offline_at=at)
        .on_conflict_do_update(
            constraint="watchtime_offline_checks_once",
            set_={"seen_offline_at": at},
            where=offline_checks.c.seen_offline_at < at,
        )
    )
    return changed.rowcount == 1


def list_stale_guilds(tx: Connection) -> list[int]:
    """The servers with something to credit, in order."""
    found = tx.execute(
        select(streams.c.guild_id)
        .distinct()
        .where(streams.c.stale_from.is_not(None))
        .order_by(streams.c.guild_id)
        .execution_options(**ACROSS_GUILDS)
    )
    return list(found.scalars())


# Earlier credits end no later than `until` or, if the stream ended before the last check, no later
# than `seen_at`. If a limit applies, a change within a day also changes the rest of it: `reach` is
# as long as the longest day, and zero without a limit.
_LIST_STALE_DAYS = text("""
    WITH stale AS (
        SELECT platform, day::date AS day,
               range_agg(tstzrange(stale_from, GREATEST(until, seen_at) + :reach)) AS span
          FROM watchtime_streams AS s,
               generate_series(date_trunc('day', stale_from AT TIME ZONE 'UTC'),
                               (GREATEST(until, seen_at) + :reach) AT TIME ZONE 'UTC',
                               '1 day') AS day
         WHERE s.guild_id = :guild_id AND stale_from IS NOT NULL
         GROUP BY platform, day
    )
    SELECT platform, day, span::text AS stale,
           (SELECT COALESCE(range_agg(tstzrange(s.started_at, s.until)), '{}')::text
              FROM watchtime_streams AS s
             WHERE s.guild_id = :guild_id AND s.platform = stale.platform
               AND s.until > stale.day::timestamp AT TIME ZONE 'UTC' - :reach
               AND s.started_at < (stale.day + 1)::timestamp AT TIME ZONE 'UTC') AS live
      FROM stale
     ORDER BY platform, day
""")

LONGEST_DAY = timedelta(hours=25)
"""When clocks are set back."""


def list_stale_days(
    tx: Connection, guild_id: int, *, limited: bool = False
) -> Sequence[RowMapping]:
    """What to credit: usually one day, two around midnight. `stale` is the time that changed,
    `live` when the channel was live around that day; both are multiranges as text."""
    reach = LONGEST_DAY if limited else timedelta()
    return tx.execute(_LIST_STALE_DAYS, {"guild_id": guild_id, "reach": reach}).mappings().all()


# The person's total changes with the day in the same statement; `list_drift` checks that it is the
# sum of all days. Rows are found again by their location (ctid): the lock keeps them there, and
# no other transaction creates a total. Server and day are repeated, or all history would be read.
_SET = """
    , changed AS (
        UPDATE watchtime_days AS d SET watched = computed.after, counted = computed.counted
          FROM computed
         WHERE d.guild_id = :guild_id AND d.day = :day AND d.ctid = computed.ctid
           AND (computed.after <> computed.before OR computed.counted IS DISTINCT FROM d.counted)
        RETURNING d.viewer_id, computed.after - computed.before AS gained
    )
    MERGE INTO watchtime_totals AS t
    USING changed ON t.guild_id = :guild_id AND t.viewer_id = changed.viewer_id
     WHEN MATCHED THEN UPDATE SET credited = t.credited + changed.gained
     WHEN NOT MATCHED THEN INSERT (guild_id, viewer_id, credited)
          VALUES (:guild_id, changed.viewer_id, changed.gained)
"""

# Most viewers were present without a break, and summing the parts of a multirange is the slowest
# part.
_LENGTH = """
               CASE WHEN range_merge(counts) <@ counts
                    THEN COALESCE(upper(counts) - lower(counts), INTERVAL '0')
                    ELSE (SELECT sum(upper(part) - lower(part))
                            FROM (SELECT unnest(counts) AS part) AS parts) END
"""

# The accounts of people who have several.
_SHARED = """(
        SELECT unnest(ARRAY[v.viewer_id, v.represented_by]) FROM people_viewers AS v
         WHERE v.guild_id = :guild_id AND v.represented_by IS NOT NULL)"""

# The parts are constants of the statement, so that it uses the index on the day however long the
# history. Materialized, and OFFSET 0, because `after` and `counts` would otherwise be recomputed at
# every use.
_SET_WATCHED = text(
    f"""
    WITH computed AS MATERIALIZED (
        SELECT d.ctid, d.watched AS before, NULL::tstzmultirange AS counted, {_LENGTH} AS after
          FROM watchtime_days AS d,
               LATERAL (SELECT d.present * CAST(:live AS tstzmultirange) AS counts OFFSET 0) AS live
         WHERE d.guild_id = :guild_id AND d.day = :day AND d.platform = :platform
           AND d.present && CAST(:stale AS tstzmultirange)
           AND d.viewer_id NOT IN {_SHARED}
    )"""
    + _SET
)


# A limited day reaches back across UTC midnight, at most into the day before yesterday. Its parts
# beyond the limit, in order of time, are cut off.
_SET_WATCHED_WITHIN = text(
    f"""
    WITH span AS (
        SELECT * FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
                             CAST(:mosts AS interval[])) AS span (starts_at, ends_at, most)
    ), touched AS (
        SELECT d.ctid, d.viewer_id, d.day, d.watched, d.present * CAST(:live AS tstzmultirange)
                   AS whole
          FROM watchtime_days AS d
         WHERE d.guild_id = :guild_id AND d.day = :day AND d.platform = :platform
           AND d.present && CAST(:stale AS tstzmultirange)
    ), part AS (
        SELECT t.viewer_id, span.most, part,
               sum(upper(part) - lower(part))
                   OVER (PARTITION BY t.viewer_id, span.starts_at ORDER BY part) AS up_to_here
          FROM touched t
          JOIN watchtime_days AS d
            ON d.guild_id = :guild_id AND d.viewer_id = t.viewer_id
           AND d.day BETWEEN t.day - 2 AND t.day,
               span,
               unnest(d.present * CAST(:live AS tstzmultirange)
                      * tstzmultirange(tstzrange(starts_at, ends_at))) AS part
    ), cut AS (
        SELECT viewer_id, range_agg(tstzrange(
                   GREATEST(lower(part), upper(part) - (up_to_here - most)), upper(part))) AS cut
          FROM part WHERE up_to_here > most
         GROUP BY viewer_id
    ), computed AS MATERIALIZED (
        SELECT t.ctid, t.watched AS before, NULLIF(counts, t.whole) AS counted, {_LENGTH} AS after
          FROM touched t LEFT JOIN cut USING (viewer_id),
               LATERAL (SELECT t.whole - COALESCE(cut.cut, '{{}}') AS counts OFFSET 0) AS left_over
         WHERE t.viewer_id NOT IN {_SHARED}
    )"""
    + _SET
)


# The same for people with several accounts. Where these overlap, time counts for the account seen
# first. A full join never becomes a nested loop.
_OF_PEOPLE = """
    WITH span AS (
        SELECT * FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]),
                             CAST(:mosts AS interval[])) AS span (starts_at, ends_at, most)
    ), touched AS ({touched}
    ), account AS (
        SELECT person_id, person_id AS viewer_id FROM touched
         UNION ALL
        SELECT person_id, other.viewer_id
          FROM touched,
               LATERAL (SELECT v.viewer_id FROM people_viewers AS v
                         WHERE v.guild_id = :guild_id AND v.represented_by = touched.person_id
                        OFFSET 0) AS other
    ), live AS (
        SELECT platform, range_agg(tstzrange(started_at, until)) AS live
          FROM watchtime_streams AS s
         WHERE s.guild_id = :guild_id {streams}
         GROUP BY platform
    ), whole AS (
        SELECT d.ctid, a.person_id, d.viewer_id, d.day, d.watched,
               d.present * COALESCE(live.live, '{{}}') AS whole
          FROM account a
         CROSS JOIN LATERAL (
                   SELECT d.ctid, d.viewer_id, d.day, d.platform, d.watched, d.present
                     FROM watchtime_days AS d
                    WHERE d.guild_id = :guild_id AND d.viewer_id = a.viewer_id {days}
                   OFFSET 0) AS d
          LEFT JOIN live ON live.platform = d.platform
    ), own AS MATERIALIZED (
        SELECT *, whole - COALESCE(range_agg(whole) OVER earlier, '{{}}') AS own
          FROM whole
        WINDOW earlier AS (PARTITION BY person_id, day ORDER BY viewer_id
                            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ), part AS (
        SELECT person_id, most, part,
               sum(upper(part) - lower(part))
                   OVER (PARTITION BY person_id, starts_at ORDER BY part) AS up_to_here
          FROM own
          JOIN span ON starts_at < CAST(day + 1 AS timestamp) AT TIME ZONE 'UTC'
                   AND ends_at > CAST(day AS timestamp) AT TIME ZONE 'UTC',
               unnest(own * tstzmultirange(tstzrange(starts_at, ends_at))) AS part
    ), cut AS (
        SELECT person_id, range_agg(tstzrange(
                   GREATEST(lower(part), upper(part) - (up_to_here - most)), upper(part))) AS cut
          FROM part WHERE up_to_here > most
         GROUP BY person_id
    ), computed AS MATERIALIZED (
        SELECT o.ctid, o.viewer_id, o.day, o.watched AS before,
               NULLIF(counts, o.whole) AS counted, {length} AS after
          FROM (SELECT own.*, cut.cut FROM own FULL JOIN cut USING (person_id) OFFSET 0) AS o,
               LATERAL (SELECT o.own - COALESCE(o.cut, '{{}}') AS counts OFFSET 0) AS left_over
         {computed}
    )"""

_OF_A_DAY = _OF_PEOPLE.format(
    touched="""
        SELECT DISTINCT (SELECT v.person_id FROM people_viewers AS v
                          WHERE v.guild_id = :guild_id AND v.viewer_id = d.viewer_id) AS person_id
          FROM watchtime_days AS d
         WHERE d.guild_id = :guild_id AND d.day = :day
           AND d.present && CAST(:stale AS tstzmultirange) AND (d.viewer_id IN """
    + _SHARED
    + """) IS TRUE""",
    streams="""
           AND s.until > CAST(CAST(:day AS date) AS timestamp) AT TIME ZONE 'UTC'
                         - CAST(:reach AS interval)
           AND s.started_at < CAST(CAST(:day AS date) + 1 AS timestamp) AT TIME ZONE 'UTC'""",
    days="AND d.day BETWEEN :first_day AND :day",
    length=_LENGTH,
    computed="WHERE o.day = :day",
)
# IS TRUE lets PostgreSQL hash the list.
_SET_SHARED = text(
    _OF_A_DAY
    + _SET.replace(
        "USING changed ON",
        """USING (SELECT v.person_id AS viewer_id, sum(gained) AS gained
             FROM changed
             JOIN people_viewers AS v
               ON v.guild_id = :guild_id AND v.viewer_id = changed.viewer_id
            GROUP BY v.person_id) AS changed
       ON""",
    )
)


def set_watched(
    tx: Connection, guild_id: int, stale: RowMapping, limits: Sequence[LimitedDay]
) -> int:
    """Recompute what the stale part touches; returns how many rows changed.

    Args:
        limits: the limited days that the stale day touches.
    """
    given: dict[str, Any] = {"guild_id": guild_id, **stale}
    given |= _spans(limits)
    changed = tx.execute(_SET_WATCHED_WITHIN if limits else _SET_WATCHED, given).rowcount
    given["reach"] = LONGEST_DAY if limits else timedelta()
    given["first_day"] = stale["day"] - timedelta(days=2 if limits else 0)
    return changed + tx.execute(_SET_SHARED, given).rowcount


def _spans(limits: Sequence[LimitedDay]) -> dict[str, Any]:
    return {
        "starts": [day.starts_at for day in limits],
        "ends": [day.ends_at for day in limits],
        "mosts": [day.maximum for day in limits],
    }


_SET_ALL_WATCHED = text(
    _OF_PEOPLE.format(
        touched="""
        SELECT DISTINCT person_id FROM unnest(CAST(:persons AS bigint[])) AS asked (person_id)""",
        streams="",
        days="",
        length=_LENGTH,
        computed="",
    )
    + """
    UPDATE watchtime_days AS d SET watched = computed.after, counted = computed.counted
      FROM computed
     WHERE d.guild_id = :guild_id AND d.viewer_id = computed.viewer_id AND d.day = computed.day
       AND (computed.after <> computed.before OR computed.counted IS DISTINCT FROM d.counted)
"""
)
_SET_TOTALS = text("""
    WITH account AS (
        SELECT * FROM unnest(CAST(:viewer_ids AS bigint[]), CAST(:persons AS bigint[]))
                   AS account (viewer_id, person_id)
    ), gone AS (
        DELETE FROM watchtime_totals AS t USING account
         WHERE t.guild_id = :guild_id AND t.viewer_id = account.viewer_id
           AND account.viewer_id <> account.person_id
    ), sums AS (
        SELECT person_id, sum(credited) AS credited, sum(adjusted) AS adjusted
          FROM (SELECT person_id,
                       (SELECT COALESCE(sum(watched), INTERVAL '0') FROM watchtime_days AS d
                         WHERE d.guild_id = :guild_id AND d.viewer_id = account.viewer_id)
                           AS credited,
                       (SELECT COALESCE(sum(amount), INTERVAL '0') FROM watchtime_adjustments AS a
                         WHERE a.guild_id = :guild_id AND a.viewer_id = account.viewer_id)
                           AS adjusted
                  FROM account) AS of_account
         GROUP BY person_id
    )
    INSERT INTO watchtime_totals AS t (guild_id, viewer_id, credited, adjusted)
    SELECT :guild_id, person_id, credited, adjusted FROM sums
        ON CONFLICT ON CONSTRAINT watchtime_totals_once
        DO UPDATE SET credited = excluded.credited, adjusted = excluded.adjusted
""")


def set_persons(
    tx: Connection, guild_id: int, persons: Mapping[int, int], limits: Sequence[LimitedDay]
) -> None:
    """Recompute everything for people whose accounts changed. Hold the credit's lock.

    Args:
        persons: viewer id -> the account that represents the person, for all of their accounts.
        limits: all limited days.
    """
    given = {"guild_id": guild_id, "persons": list(persons.values())}
    tx.execute(_SET_ALL_WATCHED, given | _spans(limits))
    tx.execute(_SET_TOTALS, given | {"viewer_ids": list(persons)})


_END_STALE = text("""
    UPDATE watchtime_streams AS s SET stale_from = NULL
     WHERE s.guild_id = :guild_id AND stale_from IS NOT NULL
""")


def end_stale(tx: Connection, guild_id: int) -> None:
    """Mark everything of this server as credited."""
    tx.execute(_END_STALE, {"guild_id": guild_id})


_LIST_DRIFT = text("""
    WITH of_days AS (
        SELECT guild_id, v.person_id AS viewer_id, sum(watched) AS days
          FROM watchtime_days JOIN people_viewers AS v USING (guild_id, viewer_id) GROUP BY 1, 2
    ), of_adjustments AS (
        SELECT guild_id, v.person_id AS viewer_id, sum(amount) AS adjustments
          FROM watchtime_adjustments JOIN people_viewers AS v USING (guild_id, viewer_id)
         GROUP BY 1, 2
    ), both_sides AS (
        SELECT guild_id, viewer_id,
               COALESCE(credited, INTERVAL '0') AS credited, COALESCE(days, INTERVAL '0') AS days,
               COALESCE(adjusted, INTERVAL '0') AS adjusted,
               COALESCE(adjustments, INTERVAL '0') AS adjustments
          FROM watchtime_totals
          FULL JOIN of_days USING (guild_id, viewer_id)
          FULL JOIN of_adjustments USING (guild_id, viewer_id)
    )
    SELECT * FROM both_sides WHERE credited <> days OR adjusted <> adjustments
     ORDER BY guild_id, viewer_id
""").execution_options(**ACROSS_GUILDS)


def list_drift(tx: Connection) -> Sequence[RowMapping]:
    """Every total that differs from the sum of its days and adjustments. This is a bug."""
    return tx.execute(_LIST_DRIFT).mappings().all()
