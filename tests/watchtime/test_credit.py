"""Watchtime credit alongside running handlers and as a scheduled task, with real commits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from core.kit.database.connection import Database
from core.kit.services import Services
from core.watchtime import actions, feature, store
from tests.patience import PATIENCE
from tests.watchtime.model import Teller, at, tell, watched

FIVE = timedelta(minutes=5)


def credit(database: Database, guild_id: int) -> None:
    with database.begin() as tx:
        actions.credit(tx, guild_id)


def credit_meanwhile(database: Database, guild_id: int) -> threading.Thread:
    thread = threading.Thread(target=credit, args=(database, guild_id))
    thread.start()
    return thread


@pytest.mark.parametrize("within_savepoints", [False, True])
def test_credit_waits_for_an_uncommitted_message(
    database: Database, committed_guild: int, within_savepoints: bool
) -> None:
    """The stream is confirmed over a message that another transaction still holds. If the stream
    were marked as credited now, the message's minutes would be lost for good.

    With savepoints: the first of them is rolled back, and releases its lock."""
    teller = Teller(committed_guild)
    with database.begin() as chat:
        if within_savepoints:
            savepoint = chat.begin_nested()
            tell(chat, teller.says(6, at(0)))
            savepoint.rollback()
            with chat.begin_nested():
                tell(chat, teller.says(5, at(0)))
        else:
            tell(chat, teller.says(5, at(0)))
        with database.begin() as look:
            look.execute(text("SET LOCAL lock_timeout = '1s'"))
            tell(look, teller.seen_live(at(-60), at(5)))
        thread = credit_meanwhile(database, committed_guild)
        thread.join(timeout=0.3)
        assert thread.is_alive(), "the credit waits for the message"
    thread.join(PATIENCE)
    with database.begin() as tx:
        assert watched(tx, committed_guild) == {5: FIVE}


def test_concurrent_messages_do_not_wait_for_each_other(
    database: Database, committed_guild: int
) -> None:
    teller = Teller(committed_guild)
    with database.begin() as one, database.begin() as other:
        other.execute(text("SET LOCAL lock_timeout = '1s'"))
        tell(one, teller.says(5, at(0)))
        tell(other, teller.says(6, at(0)))


def test_credits_of_two_servers_do_not_wait_for_each_other(
    database: Database, committed_guild: int, guild_id: int
) -> None:
    with database.begin() as tx:
        actions.credit(tx, committed_guild)
        thread = credit_meanwhile(database, guild_id)
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_task_credits_servers_with_new_events(services: Services, committed_guild: int) -> None:
    teller = Teller(committed_guild)
    with services.database.begin() as tx:
        tell(tx, teller.says(5, at(0)), teller.seen_live(at(0), at(5)))
        assert store.list_stale_guilds(tx) == [committed_guild]
    feature.CREDIT.run(services)
    with services.database.begin() as tx:
        assert watched(tx, committed_guild) == {5: FIVE}
        assert store.list_stale_guilds(tx) == []


def test_failure_in_one_server_does_not_block_others(
    services: Services, committed_guild: int, guild_id: int
) -> None:
    assert guild_id < committed_guild, "it has its turn first"
    with cleaned_of_watchtime(services.database, guild_id):
        with services.database.begin() as tx:
            for one in (guild_id, committed_guild):
                teller = Teller(one)
                tell(tx, teller.says(5, at(0)), teller.seen_live(at(0), at(5)))
            tx.execute(_TWO_DAYS_IN_ONE, {"guild_id": guild_id, "from": at(-1), "to": at(2880)})
            tell(tx, Teller(guild_id).seen_live(at(0), at(2880)))
        with pytest.raises(IntegrityError, match="watchtime_days_fit_in_a_day"):
            feature.CREDIT.run(services)
        with services.database.begin() as tx:
            assert watched(tx, committed_guild) == {5: FIVE}
            assert store.list_stale_guilds(tx) == [guild_id]


_TWO_DAYS_IN_ONE = text("""
    UPDATE watchtime_days SET present = tstzmultirange(tstzrange(:from, :to))
     WHERE guild_id = :guild_id
""")


@contextmanager
def cleaned_of_watchtime(database: Database, guild_id: int) -> Iterator[None]:
    try:
        yield
    finally:
        with database.begin() as tx:
            for table in ("watchtime_days", "watchtime_totals", "watchtime_streams"):
                tx.execute(text(f"DELETE FROM {table} WHERE guild_id = :g"), {"g": guild_id})
            tx.execute(text("DELETE FROM people_viewers WHERE guild_id = :g"), {"g": guild_id})


def test_task_interval_is_a_setting(services: Services) -> None:
    assert feature.CREDIT.every(services.settings) == services.settings.watch_interval_seconds


def test_unchanged_row_is_not_written(database: Database, committed_guild: int) -> None:
    """Viewers who were not present in the newly confirmed part are skipped."""
    teller = Teller(committed_guild)
    with database.begin() as tx:
        tell(tx, teller.says(5, at(0)), teller.says(6, at(30)), teller.seen_live(at(0), at(35)))
        assert actions.credit(tx, committed_guild) == 2
        tell(tx, teller.seen_live(at(0), at(36)))
        assert actions.credit(tx, committed_guild) == 1
        tell(tx, teller.says(7, at(2)))
        assert actions.credit(tx, committed_guild) == 1, "5 and 6 were looked at, and were right"


def test_total_that_differs_from_the_sum_is_logged(
    services: Services, committed_guild: int
) -> None:
    teller = Teller(committed_guild)
    with services.database.begin() as tx:
        tell(tx, teller.says(5, at(0)), teller.seen_live(at(0), at(5)))
        actions.credit(tx, committed_guild)
    with capture_logs() as lines:
        feature.CHECK_TOTALS.run(services)
    assert lines == []
    with services.database.begin() as tx:
        tx.execute(text("UPDATE watchtime_totals SET credited = credited + INTERVAL '1 second'"))
    with capture_logs() as lines:
        feature.CHECK_TOTALS.run(services)
    (line,) = lines
    assert (line["log_level"], line["viewers"]) == ("error", 1)
