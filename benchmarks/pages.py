"""How long the server takes for each page of the dashboard, for a server with 100,000 viewers and
1,000,000 ledger rows, of the 20,000 who are linked.

Every page that the application has is asked for in turn, as an admin, in this process; the first
time warms up. A page for everybody gets another query each time, or the cache would be measured.
Files to download are apart: they hold all rows there are.
"""

import tempfile
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import Connection, text

from benchmarks import raffle
from benchmarks.figures import Results
from core.kit.database.connection import Database
from sandbox.discord.driver import DiscordDriver
from sandbox.kick.signing import SigningKey
from sandbox.serve import on_thread
from tests.dashboard.site import GUILD, Site, Visitor, open_site

VIEWERS = 100_000
ROUNDS = 5
NOW = raffle.MIDDLE

# One text for all: `n` numbers the rows. Every fifth viewer is linked and has tickets, and every
# fifth came on ten days of the month; a stream runs, with a thousand in chat; logs are long.
_FILL = """
    INSERT INTO people_viewers
           (guild_id, platform, platform_user_id, name, folded_name, login, named_at)
    SELECT :guild, 'kick', n, 'viewer' || n, 'viewer' || n, '', :now
      FROM generate_series(:linked + 1, :viewers) AS n;
    INSERT INTO watchtime_totals (guild_id, viewer_id, credited)
    SELECT guild_id, viewer_id, (viewer_id * 7919 % 1000003) * INTERVAL '1 second'
      FROM people_viewers WHERE guild_id = :guild;
    INSERT INTO watchtime_days (guild_id, viewer_id, day, platform, present, spoke_at, watched)
    SELECT guild_id, viewer_id, CAST(:now AS timestamptz)::date - n, 'kick', '{}', :now,
           (viewer_id * 31 % 7200 + 1) * INTERVAL '1 second'
      FROM people_viewers, generate_series(1, 10) AS n
     WHERE guild_id = :guild AND viewer_id % 5 = 0;
    INSERT INTO watchtime_days (guild_id, viewer_id, day, platform, present, spoke_at, watched)
    SELECT guild_id, viewer_id, CAST(:now AS timestamptz)::date, 'kick',
           tstzmultirange(tstzrange(CAST(:now AS timestamptz) - INTERVAL '3 hours', :now)), :now,
           INTERVAL '3 hours'
      FROM people_viewers WHERE guild_id = :guild AND viewer_id % 100 = 0;
    INSERT INTO watchtime_streams (guild_id, platform, started_at, seen_at)
    VALUES (:guild, 'kick', CAST(:now AS timestamptz) - INTERVAL '4 hours', :now);
    INSERT INTO slot_calls (guild_id, number, slot, platform, message_id, called_at, channel_id,
                            state, closed_at, viewer_id)
    SELECT :guild, n, 'Slot ' || n, 'kick', 'message ' || n, :now, 1,
           CASE WHEN n % 100 = 0 THEN 'open' ELSE 'done' END, CASE WHEN n % 100 > 0 THEN :now END,
           (SELECT max(viewer_id) - n % 1000 FROM people_viewers)
      FROM generate_series(1, 10000) AS n;
    INSERT INTO guild_audit_log (guild_id, at, actor, action, target, before, after)
    SELECT :guild, CAST(:now AS timestamptz) - n * INTERVAL '1 minute', 1, 'watchtime.adjust',
           'viewer' || n, '1', '2' FROM generate_series(1, 20000) AS n;
    INSERT INTO people_link_log (guild_id, at, kind, discord_id, platform, name, actor)
    SELECT :guild, CAST(:now AS timestamptz) - n * INTERVAL '1 minute', 'linked', n, 'kick',
           'viewer' || n, n FROM generate_series(1, 20000) AS n;
    INSERT INTO kick_webhook_log (guild_id, at, sent_at, kind, delivery_id, subscription_id,
                                  outcome)
    SELECT :guild, CAST(:now AS timestamptz) - n * INTERVAL '1 second', :now, 'chat.message.sent',
           'delivery-' || n, 'subscription', 'stored' FROM generate_series(1, 50000) AS n;
"""


def run(database: Database) -> Results:
    """`page_<name>_ms` and `download_<name>_ms`, and the slowest page and the median of all."""
    viewer_ids = raffle.fill(database, GUILD)
    with database.begin() as tx:
        _fill(tx)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as lone:
        lone.execute(text("VACUUM ANALYZE"))
    with (
        tempfile.TemporaryDirectory() as folder,
        on_thread(signing_key=SigningKey()) as world,
    ):
        discord = DiscordDriver(world.base_url)
        with closing(discord), open_site(database, world, discord, Path(folder)) as site:
            site.clock.now = NOW
            figures = _measure(site, viewer_ids[len(viewer_ids) // 2])
    pages = [value for name, value in figures.items() if name.startswith("page_")]
    return {"pages_slowest_ms": max(pages), "pages_median_ms": median(pages)} | figures


def _fill(tx: Connection) -> None:
    for statement in filter(str.strip, _FILL.split(";")):
        clause = text(statement)
        given = {"guild": GUILD, "now": NOW, "viewers": VIEWERS, "linked": raffle.VIEWERS}
        tx.execute(clause, {name: given[name] for name in clause.compile().params})


def _measure(site: Site, viewer_id: int) -> Results:
    visitor = site.visitor("nora")
    parts: dict[str, Any] = {"guild_id": GUILD, "viewer_id": viewer_id, "role_id": 5, "number": 1}
    figures: Results = {}
    for endpoint, path in site.pages(**parts):
        _time(visitor, path)
        took = median(_time(visitor, f"{path}?round={n}") for n in range(ROUNDS))
        is_page = not path.endswith((".csv", ".json"))
        name = endpoint.removeprefix("dashboard.").replace(".", "_")
        figures[f"{'page' if is_page else 'download'}_{name}_ms"] = took
    return figures


def _time(visitor: Visitor, path: str) -> float:
    """Milliseconds until the whole page is there."""
    began = perf_counter()
    answer = visitor.get(path)
    answer.get_data()
    took = (perf_counter() - began) * 1000
    assert answer.status_code in (200, 302, 404), (path, answer.status_code)
    return took
