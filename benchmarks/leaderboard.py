"""How long the leaderboard takes over 1,000,000 viewers of one server: its first page, its last
one, one's own place at the top and at the bottom, and the month's.

In the month 20,000 viewers were active on ten days each. Times are medians of whole transactions.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

from sqlalchemy import Connection, text

from benchmarks.figures import Results
from core.guilds import store as guilds
from core.kit.database.connection import Database
from core.kit.database.work import run_in_guild
from core.watchtime import standings, views
from core.watchtime.rules import Period

GUILD = 910_000_000
"""A server of the benchmark, out of the way of others in the same database."""

VIEWERS = 1_000_000
ACTIVE = 20_000
DAYS = 10
ROUNDS = 7
NOBODY = 1
NOW = datetime(2026, 3, 20, 18, 0, tzinfo=UTC)

_ADD_VIEWERS = text("""
    INSERT INTO people_viewers
           (guild_id, platform, platform_user_id, name, folded_name, login, named_at)
    SELECT :guild_id, 'kick', n, 'viewer' || n, 'viewer' || n, '', now()
      FROM generate_series(1, :viewers) AS n
""")
_ADD_TOTALS = text("""
    INSERT INTO watchtime_totals (guild_id, viewer_id, credited)
    SELECT guild_id, viewer_id, (platform_user_id * 7919 % 1000003) * INTERVAL '1 second'
      FROM people_viewers WHERE guild_id = :guild_id
""")
_ADD_MONTH = text("""
    INSERT INTO watchtime_days (guild_id, viewer_id, day, platform, present, spoke_at, watched)
    SELECT guild_id, viewer_id, DATE '2026-03-05' + n, 'kick', '{}', :now,
           (platform_user_id * 31 % 7200 + 1) * INTERVAL '1 second'
      FROM people_viewers, generate_series(1, :days) AS n
     WHERE guild_id = :guild_id AND platform_user_id <= :active
""")
_EDGE = text("""
    SELECT viewer_id FROM watchtime_totals WHERE guild_id = :guild_id
     ORDER BY watched * :sign, viewer_id LIMIT 1
""")


def run(database: Database) -> Results:
    """Milliseconds by name. Give it its own database, with the schema: its viewers stay."""
    with database.begin() as tx:
        _prepare(tx)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as lone:
        for table in ("people_viewers", "watchtime_totals", "watchtime_days"):
            lone.exec_driver_sql(f"VACUUM ANALYZE {table}")
    with database.begin() as tx:
        top, bottom = (
            tx.execute(_EDGE, {"guild_id": GUILD, "sign": sign}).scalar_one() for sign in (-1, 1)
        )
    last = views.MAX_PAGES
    return {
        "leaderboard_1m_ms": _measure(database, _page(1)),
        "leaderboard_1m_last_page_ms": _measure(database, _page(last)),
        "place_1m_top_ms": _measure(database, lambda tx: standings.get_place(tx, GUILD, top)),
        "place_1m_bottom_ms": _measure(database, lambda tx: standings.get_place(tx, GUILD, bottom)),
        "card_1m_bottom_ms": _measure(database, lambda tx: standings.get_rank(tx, GUILD, bottom)),
        "leaderboard_month_ms": _measure(database, lambda tx: _board(tx, "month", page=1)),
    }


def _page(page: int) -> Callable[[Connection], object]:
    return lambda tx: _board(tx, "all", page)


def _board(tx: Connection, period: Period, page: int) -> object:
    return run_in_guild(tx, GUILD, NOBODY, NOW, views.get_board, period, page=page)


def _prepare(tx: Connection) -> None:
    guilds.set_guild(tx, GUILD, "benchmark")
    key = {"guild_id": GUILD}
    tx.execute(_ADD_VIEWERS, {**key, "viewers": VIEWERS})
    # As in watchtime_credit: foreign-key checks are planned for what the table holds now.
    tx.execute(text("ANALYZE people_viewers"))
    tx.execute(_ADD_TOTALS, key)
    tx.execute(_ADD_MONTH, {**key, "active": ACTIVE, "days": DAYS, "now": NOW})


def _measure(database: Database, look: Callable[[Connection], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = perf_counter()
        with database.begin() as tx:
            look(tx)
        times.append(perf_counter() - began)
    return median(times) * 1000
