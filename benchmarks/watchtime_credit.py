"""How long one credit takes for 1,000, 10,000 and 100,000 active viewers of one server.

Every viewer is within their window, so each credit changes every row; all chatted since the last
one, and a week of history lies beside, between a minute and an hour a day. Times are whole
transactions, commit included.
"""

from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter

from sqlalchemy import Connection, text

from benchmarks.figures import Results
from core.guilds import store as guilds
from core.kit.database.connection import Database
from core.watchtime import actions

SIZES = {"credit_1k_s": 1_000, "credit_10k_s": 10_000, "credit_100k_s": 100_000}
ROUNDS = 5
HISTORY_DAYS = 7
FIRST_GUILD = 900_000_000
"""Servers of the benchmark, out of the way of others in the same database."""

START = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

_ADD_VIEWERS = text("""
    INSERT INTO people_viewers
           (guild_id, platform, platform_user_id, name, folded_name, login, named_at)
    SELECT :guild_id, 'kick', n, 'viewer' || n, 'viewer' || n, '', now()
      FROM generate_series(1, :viewers) AS n
""")
_ADD_HISTORY = text("""
    INSERT INTO watchtime_days (guild_id, viewer_id, day, platform, present, spoke_at, watched)
    SELECT guild_id, viewer_id, CAST(:start AS timestamptz)::date - ago, 'kick',
           tstzmultirange(tstzrange(CAST(:start AS timestamptz) - ago * INTERVAL '1 day',
                                    CAST(:start AS timestamptz) - ago * INTERVAL '1 day'
                                        + (viewer_id % 60 + 1) * INTERVAL '1 minute')),
           :start, (viewer_id % 60 + 1) * INTERVAL '1 minute'
      FROM people_viewers, generate_series(1, :days) AS ago
     WHERE guild_id = :guild_id
""")
_ADD_TOTALS = text("""
    INSERT INTO watchtime_totals (guild_id, viewer_id, credited)
    SELECT guild_id, viewer_id, sum(watched) FROM watchtime_days
     WHERE guild_id = :guild_id GROUP BY guild_id, viewer_id
""")
# As if every viewer had just written: as `store.add_presence`, for all of them at once. A third
# of them came back after a break, so that not everybody's presence is one piece.
_CHAT = text("""
    INSERT INTO watchtime_days AS d (guild_id, viewer_id, day, platform, present, spoke_at)
    SELECT guild_id, viewer_id, CAST(:now AS timestamptz)::date, 'kick',
           tstzmultirange(
               tstzrange(CAST(:now AS timestamptz) - viewer_id % 3 * INTERVAL '1 hour',
                         CAST(:now AS timestamptz) - viewer_id % 3 * INTERVAL '1 hour'
                             + INTERVAL '5 minutes'),
               tstzrange(:now, CAST(:now AS timestamptz) + INTERVAL '10 minutes')),
           :now
      FROM people_viewers WHERE guild_id = :guild_id
        ON CONFLICT ON CONSTRAINT watchtime_days_once
        DO UPDATE SET present = d.present + excluded.present, spoke_at = excluded.spoke_at
""")


def run(database: Database) -> Results:
    """Seconds for one credit by name. Give it its own database, with the schema: its viewers stay,
    since taking 100,000 of them out again takes longer than everything else."""
    return {
        name: _measure(database, FIRST_GUILD + index, viewers)
        for index, (name, viewers) in enumerate(SIZES.items())
    }


def _measure(database: Database, guild_id: int, viewers: int) -> float:
    """The median of some credits in a row, each a minute after the last."""
    with database.begin() as tx:
        _prepare(tx, guild_id, viewers)
    return median(_credit_once(database, guild_id, viewers, r) for r in range(ROUNDS))


def _prepare(tx: Connection, guild_id: int, viewers: int) -> None:
    guilds.set_guild(tx, guild_id, "benchmark")
    tx.execute(_ADD_VIEWERS, {"guild_id": guild_id, "viewers": viewers})
    # The connection may have planned its foreign-key checks while there were a handful of viewers,
    # and would read all of them for every row of history; new statistics make it plan again.
    tx.execute(text("ANALYZE people_viewers"))
    tx.execute(_ADD_HISTORY, {"guild_id": guild_id, "start": START, "days": HISTORY_DAYS})
    tx.execute(_ADD_TOTALS, {"guild_id": guild_id})
    actions.note_live(tx, guild_id, "kick", START, START)


def _credit_once(database: Database, guild_id: int, viewers: int, minute: int) -> float:
    now = START + minute * MINUTE
    with database.begin() as tx:
        tx.execute(_CHAT, {"guild_id": guild_id, "now": now})
        actions.note_live(tx, guild_id, "kick", START, now + MINUTE)
    began = perf_counter()
    with database.begin() as tx:
        changed = actions.credit(tx, guild_id)
    took = perf_counter() - began
    if changed != viewers:
        raise AssertionError(f"{changed} of {viewers} viewers were credited")
    return took
