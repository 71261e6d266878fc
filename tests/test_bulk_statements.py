"""Statements over many rows stay linear for a server that PostgreSQL's statistics do not know yet.

A small and a large new server stand next to a larger one that was analysed, or in a database that
never was. For four times as many viewers a statement may take some more than four times the work;
one that joins every row with every other takes sixteen times.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import pytest
from sqlalchemy import Connection, text

from core.events import Person, SubGifted
from core.guilds.actions import change_setting, change_settings
from core.kick.review import actions as review
from core.kick.review.tasks import check_health as check_review
from core.kit.affiliate import Standings
from core.kit.database.connection import Database
from core.kit.database.work import Work as GuildWork
from core.kit.database.work import run_in_guild
from core.kit.text.calendar import Stretch
from core.outbox import actions as outbox
from core.people.lookup import find_people
from core.people.names import public_names
from core.people.records import GuildAccount
from core.people.store import Seen, list_persons, list_represented, set_viewers
from core.points import imports, lists
from core.points.rules import PointsSettings
from core.raffle.draw import store as draw
from core.raffle.ledger import earning, gifts
from core.raffle.ledger import store as ledger
from core.raffle.ledger.store import NewEntry
from core.raffle.records import Period, SourceTotal
from core.roles import store as roles
from core.roles.rules import RoleSettings
from core.slot_calls.store import list_open
from core.wagers import actions as wager_actions
from core.wagers import counting
from core.wagers.rules import WagerSettings
from core.watchtime import actions as watchtime
from core.watchtime import periods, standings, streams
from core.watchtime import store as watchtime_store
from core.watchtime.rules import WatchtimeSettings
from tests.acting import act
from tests.counted_work import Work, counted_work
from tests.stories.stage import fresh_database, migrated

P = ParamSpec("P")
T = TypeVar("T")

ANALYSED, SMALL, LARGE = 1, 2, 3
VIEWERS = {ANALYSED: 20_000, SMALL: 1_500, LARGE: 6_000}
MAX_GROWTH = 8
"""Between four, which is linear, and sixteen, which is quadratic; sorting adds a little."""

NOW = datetime(2026, 3, 8, 20, tzinfo=UTC)
LATER = NOW + timedelta(minutes=20)
LAST_DAY = NOW - timedelta(days=1)
MONTH = Stretch(datetime(2026, 3, 1, 3, tzinfo=UTC), datetime(2026, 4, 1, 3, tzinfo=UTC))

# Every viewer is linked, was there on three days, has tickets, a role, gifts, wagers and a call.
# All had another name before. Every tenth is another account of the person before them.
FILL = """
    INSERT INTO guilds (guild_id, name) VALUES (:guild, 'Server');
    INSERT INTO people_viewers (guild_id, platform, platform_user_id, name, folded_name, login,
                                named_at)
    SELECT :guild, 'kick', n, 'viewer' || n, 'viewer' || n, 'viewer' || n, :now
      FROM generate_series(1, :n) n;
    UPDATE people_viewers SET represented_by = viewer_id - 1
     WHERE {here} AND platform_user_id % 10 = 0;
    INSERT INTO people_former_names (guild_id, viewer_id, folded_name, name, until)
    SELECT guild_id, viewer_id, 'former' || platform_user_id, 'former', :now
      FROM people_viewers WHERE {here};
    INSERT INTO people_links (guild_id, discord_id, platform, viewer_id, linked_at)
    SELECT guild_id, platform_user_id, platform, viewer_id, :now FROM people_viewers WHERE {here};

    INSERT INTO watchtime_streams (guild_id, platform, started_at, seen_at, stale_from)
    VALUES (:guild, 'kick', :now - INTERVAL '3 hours', :now, :now - INTERVAL '3 hours');
    INSERT INTO watchtime_days (guild_id, viewer_id, day, platform, present, spoke_at)
    SELECT guild_id, viewer_id, (at AT TIME ZONE 'UTC')::date, 'kick',
           tstzmultirange(tstzrange(at - INTERVAL '2 hours', at)), at
      FROM people_viewers, generate_series(:now - INTERVAL '2 days', :now, '1 day') at WHERE {here};
    INSERT INTO watchtime_totals (guild_id, viewer_id, credited)
    SELECT guild_id, viewer_id, viewer_id % 100 * INTERVAL '1 minute'
      FROM people_viewers WHERE {here};
    INSERT INTO people_exclusions (guild_id, viewer_id, scope, cause, reason, excluded_at)
    SELECT guild_id, viewer_id, 'watchtime', 'admin', '', :now
      FROM people_viewers WHERE {here} AND viewer_id % 20 = 0;

    INSERT INTO roles_rewards (guild_id, role_id, minutes, name, added_by, added_at)
    VALUES (:guild, 10, 30, 'Bronze', 1, :now), (:guild, 20, 60, 'Silver', 1, :now);
    INSERT INTO roles_grants (guild_id, discord_id, role_id, state, reason, number, at)
    SELECT guild_id, discord_id, 10, CASE discord_id % 2 WHEN 0 THEN 'given' ELSE 'giving' END,
           '', discord_id, :now
      FROM people_links WHERE {here} AND discord_id % 3 > 0;

    INSERT INTO raffle_periods (guild_id, number, starts_at, ends_at, prize, winners_wanted,
                                sealed_seed, sealed_salt, commitment, public_id, opened_at)
    VALUES (:guild, 1, :starts_at, :ends_at, 'A car', 1, '', '', '', :guild, :now);
    INSERT INTO raffle_balances (guild_id, period, viewer_id, tickets)
    SELECT guild_id, 1, viewer_id, viewer_id % 50 FROM people_viewers WHERE {here};
    INSERT INTO raffle_entries (guild_id, period, viewer_id, source, amount, source_key, at)
    SELECT guild_id, 1, viewer_id, 'bonus', 1, viewer_id, :now FROM people_viewers WHERE {here};
    INSERT INTO raffle_source_totals (guild_id, period, source, viewer_id, tickets, entries)
    SELECT guild_id, 1, 'watchtime', viewer_id, 1, 1 FROM people_viewers WHERE {here};
    INSERT INTO raffle_gifts (guild_id, key, viewer_id, drop, at)
    SELECT guild_id, viewer_id, viewer_id, viewer_id / 10, :now FROM people_viewers WHERE {here};
    INSERT INTO people_exclusions (guild_id, viewer_id, scope, cause, reason, excluded_at)
    SELECT guild_id, viewer_id, 'raffle', 'admin', '', :now
      FROM people_viewers WHERE {here} AND viewer_id % 20 = 0;

    INSERT INTO wagers_accounts (guild_id, platform, viewer_id, linked_by, username, folded_name,
                                 linked_at, verified_at, verified_by, campaign_code, total, highest,
                                 seen_at)
    SELECT guild_id, 'shuffle', viewer_id, 1, viewer_id, viewer_id, :now, :now, 1, 'nora', 10, 10,
           :now
      FROM people_viewers WHERE {here};
    INSERT INTO wagers_changes (guild_id, account_id, viewer_id, kind, since, at, total_before,
                                total, amount, held, reason, campaign_code)
    SELECT guild_id, account_id, viewer_id, 'rise', :now, :now, 0, 10, 9, 1, 'fast', ''
      FROM wagers_accounts WHERE {here};

    INSERT INTO kick_review_items (guild_id, kind, key, subject, drop, source, channel_id, at,
                                   giver, receiver, receiver_id, amount, gift_name, message,
                                   is_counted, state, number)
    SELECT :guild, kind, n, '|viewer' || n, n / 10, 'feed', 1, :now, '', 'viewer' || n, n, 1, '',
           '', kind = 'duplicate', CASE WHEN kind = 'duplicate' OR n % 3 = 0 THEN 'open'
           ELSE 'waiting' END, CASE WHEN kind = 'gift' AND n % 3 = 0 THEN n / 10 END
      FROM generate_series(1, :n) n, unnest(ARRAY['gift', 'duplicate']) kind;
    INSERT INTO kick_recent_support (guild_id, kind, key, subject, at, user_id, event)
    SELECT :guild, kind, n, kind || n, :now - interval '1 hour', n, '{{}}'
      FROM generate_series(1, :n) n, unnest(ARRAY['gift', 'sub']) kind;
    INSERT INTO slot_calls (guild_id, number, viewer_id, slot, platform, message_id, called_at,
                            channel_id)
    SELECT guild_id, row_number() OVER (), viewer_id, 'Wanted', 'kick', viewer_id, :now, 1
      FROM people_viewers WHERE {here};
    INSERT INTO outbox_messages (guild_id, key, service, lane, target, kind, payload)
    SELECT :guild, n, 'discord', n / 10, '{{}}', 'some', '{{}}' FROM generate_series(1, :n) n
""".format(here="guild_id = :guild")


@contextmanager
def three_servers(postgres_url: str, *, analysed: bool) -> Iterator[Database]:
    with fresh_database(postgres_url, copy_of=migrated(postgres_url)) as url:
        gate = Database(url, pool_size=2)
        with gate.begin() as tx:
            _let_nobody_analyse(tx)
            fill(tx, ANALYSED)
            if analysed:
                tx.execute(text("ANALYZE"))
        for guild_id in (SMALL, LARGE):
            with gate.begin() as tx:
                fill(tx, guild_id)
        yield gate
        gate.close()


@pytest.fixture(scope="session")
def next_to_an_analysed_one(postgres_url: str) -> Iterator[Database]:
    with three_servers(postgres_url, analysed=True) as database:
        yield database


@pytest.fixture(scope="session")
def without_any_statistics(postgres_url: str) -> Iterator[Database]:
    with three_servers(postgres_url, analysed=False) as database:
        yield database


@pytest.fixture(params=["next_to_an_analysed_one", "without_any_statistics"])
def servers(request: pytest.FixtureRequest) -> Database:
    """A database with the three servers, filled once, whichever test comes first."""
    database = request.getfixturevalue(request.param)
    assert isinstance(database, Database)
    return database


def _let_nobody_analyse(tx: Connection) -> None:
    tables = text(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    for table in tx.scalars(tables).all():
        tx.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = false)"))


def fill(tx: Connection, guild_id: int) -> None:
    given = {
        "guild": guild_id,
        "n": VIEWERS[guild_id],
        "now": NOW,
        "starts_at": MONTH.starts_at,
        "ends_at": MONTH.ends_at,
    }
    # Without foreign keys and triggers, which would be checked row by row.
    tx.execute(text("SET LOCAL session_replication_role = replica"))
    for statement in FILL.split(";\n"):
        tx.execute(text(statement.replace(":now", "CAST(:now AS timestamptz)")), given)


# -- what is done with all of them ----------------------------------------------------------------


def run(
    tx: Connection,
    guild_id: int,
    action: Callable[Concatenate[GuildWork, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    return run_in_guild(tx, guild_id, 0, NOW, action, *args, **kwargs)


def viewer_ids(tx: Connection, guild_id: int) -> list[int]:
    found = text("SELECT viewer_id FROM people_viewers WHERE guild_id = :guild ORDER BY viewer_id")
    return list(tx.scalars(found, {"guild": guild_id}))


def period(tx: Connection, guild_id: int) -> Period:
    found = run(tx, guild_id, GuildWork.find, Period, 1)
    assert found is not None
    return found


def members(guild_id: int) -> range:
    return range(1, VIEWERS[guild_id] + 1)


def credit(tx: Connection, guild_id: int) -> object:
    return watchtime.credit(tx, guild_id)


def credit_within_a_limit(tx: Connection, guild_id: int) -> object:
    act(tx, guild_id, change_setting, WatchtimeSettings.declared["daily_limit_minutes"], 60)
    tx.execute(text("UPDATE guild_settings SET set_at = :at"), {"at": NOW - timedelta(days=1)})
    return watchtime.credit(tx, guild_id)


def watched_between(tx: Connection, guild_id: int) -> object:
    return periods.watched_between(tx, guild_id, None, MONTH.starts_at, MONTH.ends_at)


def watched_between_of_many(tx: Connection, guild_id: int) -> object:
    many = viewer_ids(tx, guild_id)
    return periods.watched_between(tx, guild_id, many, MONTH.starts_at, MONTH.ends_at)


def page_of_the_month(tx: Connection, guild_id: int) -> object:
    return periods.read_page(tx, guild_id, MONTH, 10, 100, viewer_ids(tx, guild_id)[-1])


def rank(tx: Connection, guild_id: int) -> object:
    return standings.get_rank(tx, guild_id, viewer_ids(tx, guild_id)[-1])


def leaderboard(tx: Connection, guild_id: int) -> object:
    return standings.list_places(tx, guild_id, 10, VIEWERS[guild_id] // 2)


def grants_of_many(tx: Connection, guild_id: int) -> object:
    run_in_guild(tx, guild_id, 0, NOW, roles.list_linked, members(guild_id))
    return run_in_guild(tx, guild_id, 0, NOW, roles.list_grants, members(guild_id))


def stop_grants(tx: Connection, guild_id: int) -> None:
    run_in_guild(tx, guild_id, 0, NOW, roles.set_stopped, 10, members(guild_id), NOW)


def post_entries(tx: Connection, guild_id: int) -> object:
    new = [
        NewEntry(viewer_id, 1, f"new:{viewer_id}", NOW) for viewer_id in viewer_ids(tx, guild_id)
    ]
    return run(tx, guild_id, ledger.post_entries, 1, "watchtime", new)


def post_first_entries(tx: Connection, guild_id: int) -> object:
    tx.execute(text("DELETE FROM raffle_balances WHERE guild_id = :guild"), {"guild": guild_id})
    return post_entries(tx, guild_id)


def own_tickets(tx: Connection, guild_id: int) -> object:
    return run(tx, guild_id, ledger.get_own, 1, viewer_ids(tx, guild_id)[1])


def places(tx: Connection, guild_id: int) -> object:
    return run(tx, guild_id, ledger.list_places, 1, 10, 100, viewer_ids(tx, guild_id)[1])


def settle(tx: Connection, guild_id: int) -> object:
    return run(tx, guild_id, earning.credit, period(tx, guild_id))


def credit_gifts(tx: Connection, guild_id: int) -> None:
    run(tx, guild_id, gifts.credit_gifts_of, period(tx, guild_id))


def seen_accounts(tx: Connection, guild_id: int) -> None:
    found = text("SELECT account_id FROM wagers_accounts WHERE guild_id = :guild")
    account_ids = list(tx.scalars(found, {"guild": guild_id}))
    run_in_guild(tx, guild_id, 0, NOW, counting.mark_seen, account_ids, NOW)


def count_wagers(tx: Connection, guild_id: int) -> object:
    """Everybody is in the answer; what counted in the last hour limits what may count now."""
    act(tx, guild_id, change_setting, WagerSettings.declared["shuffle_code"], "nora")
    found = text("SELECT folded_name FROM wagers_accounts WHERE guild_id = :guild")
    names = tx.scalars(found, {"guild": guild_id})
    answer = Standings(LATER, {("nora", name): Decimal(10) for name in names})
    return in_guild(counting.count, "shuffle", answer)(tx, guild_id)


def meet_renamed(tx: Connection, guild_id: int) -> object:
    seen = [
        Seen(GuildAccount(guild_id, "kick", number), f"renamed{number}", LATER)
        for number in members(guild_id)
    ]
    return set_viewers(tx, seen)


def find_many_names(tx: Connection, guild_id: int) -> object:
    names = [f"{name}{n}" for name in ("viewer", "former", "nobody") for n in members(guild_id)]
    found, _several = run(tx, guild_id, find_people, names)
    assert len(found) == 2 * VIEWERS[guild_id]
    return found


def pasted(guild_id: int) -> str:
    return "\n".join(f"viewer{number},5" for number in members(guild_id))


def import_points(tx: Connection, guild_id: int) -> object:
    act(tx, guild_id, change_setting, PointsSettings.declared["enabled"], True)
    started, _lines = run(tx, guild_id, imports.start_list, pasted(guild_id))
    run(tx, guild_id, imports.preview)
    return run(tx, guild_id, imports.confirm, started.number)


def add_gifts(tx: Connection, guild_id: int) -> None:
    run(tx, guild_id, gifts.on_subs_gifted, gifts_by_webhook(guild_id, 1))


def post_lines(tx: Connection, guild_id: int) -> None:
    drafts: list[outbox.Draft] = [
        {"key": f"new:{n}", "service": "kick", "lane": "1", "target": {}, "kind": "some"}
        | {"payload": {}, "priority": n % 4, "expires_in": 60}
        for n in members(guild_id)
    ]
    run(tx, guild_id, outbox.post_all, drafts)


def count_gifts(tx: Connection, guild_id: int) -> object:
    """Gifts by webhook to some of the viewers; the feed has reported each of them."""
    return review.events_to_count(tx, gifts_by_webhook(guild_id, 50))


def gifts_by_webhook(guild_id: int, every: int) -> list[SubGifted]:
    return [
        SubGifted(
            key=f"webhook|{number}",
            guild_id=guild_id,
            at=NOW,
            platform="kick",
            channel_id=1,
            gifter=None,
            giftee=Person(user_id=number, name=f"viewer{number}"),
            drop="1",
        )
        for number in range(1, VIEWERS[guild_id], every)
    ]


def withdraw(tx: Connection, guild_id: int) -> object:
    return act(tx, guild_id, outbox.withdraw, [str(n) for n in members(guild_id)])


Step = Callable[[Connection, int], object]


def in_guild(action: Callable[..., object], *args: object) -> Step:
    """`action(work, ...)` as a step."""
    return lambda tx, guild_id: run_in_guild(tx, guild_id, 0, NOW, action, *args)


def highest_roles_due(tx: Connection, guild_id: int) -> object:
    in_guild(partial(change_settings, mode="highest"), RoleSettings)(tx, guild_id)
    return in_guild(roles.list_due)(tx, guild_id)


def left_out(tx: Connection, guild_id: int) -> None:
    in_guild(draw.set_listed, 1, viewer_ids(tx, guild_id))(tx, guild_id)


def follow_links(tx: Connection, guild_id: int) -> None:
    persons = list_persons(tx, guild_id, viewer_ids(tx, guild_id))
    watchtime_store.set_persons(tx, guild_id, persons, [])


STEPS: dict[str, Step] = {
    "follow links": follow_links,
    "accounts that others represent": list_represented,
    "credit": credit,
    "credit within a limit": credit_within_a_limit,
    "drift of watchtime": lambda tx, _guild_id: watchtime_store.list_drift(tx),
    "who is there": lambda tx, g: streams.count_present(
        tx, g, ["kick"], NOW - timedelta(minutes=1)
    ),
    "watched between": watched_between,
    "watched between, of many": watched_between_of_many,
    "page of the month": page_of_the_month,
    "rank": rank,
    "leaderboard": leaderboard,
    "count of the leaderboard": lambda tx, g: standings.count_ranked(tx, g, 10**9),
    "totals": standings.get_totals,
    "members": standings.list_members,
    "roles that are due": in_guild(roles.list_due),
    "roles that are due, the highest": highest_roles_due,
    "grants of many": grants_of_many,
    "stop grants": stop_grants,
    "count grants": in_guild(roles.count_grants),
    "holders of a role": in_guild(roles.list_holders, 10),
    "tickets by the ledger": in_guild(draw.list_held, 1),
    "left out of the draw": left_out,
    "raffles to announce": lambda tx, _guild_id: draw.list_unannounced(tx, NOW),
    "post entries": post_entries,
    "post first entries": post_first_entries,
    "balances": lambda tx, g: run(tx, g, ledger.get_balances, 1, viewer_ids(tx, g)),
    "drift of tickets": lambda tx, _guild_id: ledger.list_drift(tx),
    "watchers": lambda tx, g: run(tx, g, ledger.list_watchers, viewer_ids(tx, g)),
    "totals of a source": lambda tx, g: run(
        tx, g, ledger.list_totals, 1, "watchtime", viewer_ids(tx, g)
    ),
    "settle": settle,
    "pool": in_guild(ledger.get_pool, 1),
    "own tickets": own_tickets,
    "places": places,
    "sources": in_guild(ledger.list_sources, SourceTotal.period == 1),
    "raffles with tickets": in_guild(ledger.list_taken, None),
    "credit gifts": credit_gifts,
    "wagered between": lambda tx, g: counting.list_wagered_between(tx, g, *_month()),
    "accounts": lambda tx, g: run_in_guild(tx, g, 0, NOW, wager_actions.list_accounts, "shuffle"),
    "seen accounts": seen_accounts,
    "odd wagers": lambda tx, g: run_in_guild(tx, g, 0, NOW, counting.list_odd, "shuffle", LAST_DAY),
    "queue missed events": lambda tx, g: run_in_guild(tx, g, 0, LATER, review.queue_overdue),
    "queue of missed events": lambda tx, g: run_in_guild(tx, g, 0, NOW, review.list_queue),
    "health of the queue": lambda tx, _guild_id: check_review(tx, NOW),
    "count gifts": count_gifts,
    "add gifts": add_gifts,
    "count wagers": count_wagers,
    "meet renamed viewers": meet_renamed,
    "names of many": find_many_names,
    "public names": lambda tx, g: run(tx, g, public_names, viewer_ids(tx, g)),
    "pasted points": lambda tx, g: run(tx, g, lists.read_pasted, pasted(g)),
    "import points": import_points,
    "post lines": post_lines,
    "slot calls": lambda tx, guild_id: run_in_guild(tx, guild_id, 0, NOW, list_open),
    "withdraw": withdraw,
}


def _month() -> tuple[datetime, datetime]:
    return MONTH.starts_at, MONTH.ends_at


# -- how much work that is ------------------------------------------------------------------------


@contextmanager
def rolled_back(database: Database) -> Iterator[Connection]:
    with database.engine.connect() as tx:
        transaction = tx.begin()
        tx.info.clear()
        tx.execute(text("SET LOCAL statement_timeout = '30s'"))
        yield tx
        transaction.rollback()
        tx.info.clear()


def work_of(database: Database, step: Step, guild_id: int) -> Work:
    with rolled_back(database) as tx, counted_work(tx) as work:
        step(tx, guild_id)
    return work


@pytest.mark.parametrize("name", STEPS)
def test_work_grows_linearly_with_viewers(servers: Database, name: str) -> None:
    small = work_of(servers, STEPS[name], SMALL)
    large = work_of(servers, STEPS[name], LARGE)
    assert small.rows > 0
    assert large.rows <= MAX_GROWTH * small.rows
    assert large.pages <= MAX_GROWTH * small.pages
