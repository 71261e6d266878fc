"""The database layer, against a real PostgreSQL."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from core.kit.database.connection import (
    Database,
    DatabaseOutage,
    cache_of,
    normalise_url,
    notify_after_commit,
    savepoint,
    violated,
)
from core.kit.errors import Outage, StartError
from tests.patience import PATIENCE

PUT = text("INSERT INTO kit_notebook VALUES (:word)")
READ = text("SELECT word FROM kit_notebook ORDER BY word")
NOWHERE = "postgresql://user:hunter2hunter2@127.0.0.1:1/nowhere"


class Notifications:
    """A gate that writes down which notifications it rang."""

    def __init__(self, url: str) -> None:
        self.sent: list[str] = []
        self.database = Database(url, notify=self.sent.append, pool_size=2)


@pytest.fixture
def notifications(postgres_url: str) -> Iterator[Notifications]:
    made = Notifications(postgres_url)
    with made.database.begin() as tx:
        tx.execute(
            text(
                "CREATE TABLE kit_notebook (word text, "
                "CONSTRAINT kit_notebook_each_word_once PRIMARY KEY (word))"
            )
        )
    yield made
    with made.database.begin() as tx:
        tx.execute(text("DROP TABLE kit_notebook"))
    made.database.close()


@pytest.fixture
def gate(notifications: Notifications) -> Database:
    return notifications.database


def words(gate: Database) -> list[str]:
    with gate.begin() as tx:
        return list(tx.execute(READ).scalars())


def cut_off(gate: Database) -> None:
    """End every connection that the gate's pool holds, from the server's side."""
    with gate.engine.connect() as lone:
        lone.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> "
                "pg_backend_pid() AND state IN ('idle', 'idle in transaction') AND datname = "
                "current_database()"
            )
        )


# -- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"]
)
def test_every_database_url_scheme_uses_psycopg2(scheme: str) -> None:
    given = f"{scheme}://bot:p%40ss@db.example:5433/regulars?sslmode=require"
    wanted = "postgresql+psycopg2://bot:p%40ss@db.example:5433/regulars?sslmode=require"
    assert normalise_url(given) == wanted


@pytest.mark.parametrize("given", ["", "hunter2hunter2", "postgresql://u:hunter2hunter2@h:port/x"])
def test_invalid_database_url_is_rejected_without_repeating_it(given: str) -> None:
    with pytest.raises(StartError, match="DATABASE_URL") as caught:
        normalise_url(given)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


# -- threads --------------------------------------------------------------------------------------


def test_begin_commits_at_the_end_of_the_block(gate: Database) -> None:
    with gate.begin() as tx:
        tx.execute(PUT, {"word": "kept"})
    assert words(gate) == ["kept"]


def test_run_single_commits_and_notifies(notifications: Notifications) -> None:
    def put(tx: Connection) -> int:
        notify_after_commit(tx, "put")
        return tx.execute(PUT, {"word": "kept"}).rowcount

    assert notifications.database.run_single(put) == 1
    assert words(notifications.database) == ["kept"]
    assert notifications.sent == ["put"]


def test_run_single_survives_a_dead_connection(gate: Database) -> None:
    gate.run_single(lambda tx: tx.execute(PUT, {"word": "before"}))
    cut_off(gate)
    gate.run_single(lambda tx: tx.execute(PUT, {"word": "after"}))
    assert words(gate) == ["after", "before"]


def test_run_single_reports_an_outage_once() -> None:
    away = Database(NOWHERE)
    with pytest.raises(DatabaseOutage) as caught:
        away.run_single(lambda tx: tx.execute(READ))
    assert not caught.value.lost_connection


@pytest.mark.parametrize("error", [ValueError("bug"), Outage("Kick"), KeyboardInterrupt()])
def test_any_error_rolls_back_and_propagates_unchanged(
    gate: Database, error: BaseException
) -> None:
    with pytest.raises(type(error)) as caught, gate.begin() as tx:
        tx.execute(PUT, {"word": "gone"})
        raise error
    assert caught.value is error
    assert words(gate) == []


def test_invalid_sql_raises_programming_error(gate: Database) -> None:
    with pytest.raises(ProgrammingError), gate.begin() as tx:
        tx.execute(text("SELECT nonsense"))


@pytest.mark.parametrize(
    ("sqlstate", "is_outage"),
    [
        ("disk_full", True),
        ("out_of_memory", True),
        ("too_many_connections", True),
        ("read_only_sql_transaction", True),
        ("deadlock_detected", True),
        ("lock_not_available", True),
        ("query_canceled", True),
        ("admin_shutdown", True),
        ("io_error", True),
        ("data_corrupted", True),
        ("program_limit_exceeded", False),
        ("invalid_text_representation", False),
        ("insufficient_privilege", False),
        ("raise_exception", False),
    ],
)
@pytest.mark.parametrize("inside_a_savepoint", [False, True])
def test_server_errors_are_outages_and_data_errors_are_not(
    gate: Database, sqlstate: str, is_outage: bool, inside_a_savepoint: bool
) -> None:
    expected = DatabaseOutage if is_outage else DBAPIError
    with pytest.raises(expected), gate.begin() as tx:
        if inside_a_savepoint:
            with pytest.raises(expected), savepoint(tx):
                fail_with(tx, sqlstate)
        fail_with(tx, sqlstate)


def fail_with(tx: Connection, sqlstate: str) -> None:
    """The server answers with this error."""
    tx.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END $$")


def test_violated_returns_the_constraint_name(gate: Database) -> None:
    with pytest.raises(IntegrityError) as caught, gate.begin() as tx:
        tx.execute(PUT, {"word": "twice"})
        tx.execute(PUT, {"word": "twice"})
    assert violated(caught.value) == "kit_notebook_each_word_once"


# -- notifications and the cache ------------------------------------------------------------------


def test_notifications_are_sent_once_after_commit(postgres_url: str, gate: Database) -> None:
    seen: list[tuple[str, list[str]]] = []
    notifying = Database(postgres_url, notify=lambda topic: seen.append((topic, words(gate))))
    with notifying.begin() as tx:
        notify_after_commit(tx, "inbox")
        tx.execute(PUT, {"word": "news"})
        notify_after_commit(tx, "inbox")
        assert seen == []
    notifying.close()
    assert seen == [("inbox", ["news"])]


def test_rolled_back_notifications_are_never_sent(notifications: Notifications) -> None:
    with pytest.raises(ValueError, match="bug"), notifications.database.begin() as tx:
        notify_after_commit(tx, "outbox")
        raise ValueError("bug")
    with notifications.database.begin() as tx:
        tx.execute(PUT, {"word": "next"})
    assert notifications.sent == []


def test_transaction_cache_ends_with_its_transaction(postgres_url: str) -> None:
    gate = Database(postgres_url, pool_size=1)  # so that both use one connection
    with gate.begin() as tx:
        cache_of(tx)["settings"] = 1
        assert cache_of(tx) == {"settings": 1}
    with gate.begin() as tx:
        assert cache_of(tx) == {}
    gate.close()


def test_failed_savepoint_discards_its_rows_and_the_cache(gate: Database) -> None:
    with gate.begin() as tx:
        tx.execute(PUT, {"word": "before"})
        with pytest.raises(ValueError, match="bug"), savepoint(tx):
            tx.execute(PUT, {"word": "inside"})
            cache_of(tx)["id of inside"] = 7
            raise ValueError("bug")
        assert cache_of(tx) == {}
        tx.execute(PUT, {"word": "later"})
    assert words(gate) == ["before", "later"]


def test_successful_savepoint_keeps_its_rows_and_cache(gate: Database) -> None:
    with gate.begin() as tx:
        with savepoint(tx):
            tx.execute(PUT, {"word": "inside"})
            cache_of(tx)["id of inside"] = 7
        assert cache_of(tx) == {"id of inside": 7}
    assert words(gate) == ["inside"]


# -- the event loop -------------------------------------------------------------------------------


def add(tx: Connection, word: str, *, twice: bool = False) -> str:
    """An action as features have them."""
    for _ in range(2 if twice else 1):
        tx.execute(PUT, {"word": word})
    return f"{word} added in {threading.current_thread().name}"


async def test_run_executes_in_a_thread_and_commits(gate: Database) -> None:
    told = await gate.run(add, "awaited")
    assert told.startswith("awaited added in")
    assert threading.current_thread().name not in told
    assert words(gate) == ["awaited"]


async def test_failed_run_rolls_back(gate: Database) -> None:
    with pytest.raises(IntegrityError):
        await gate.run(add, "twice", twice=True)
    assert words(gate) == []


async def test_event_loop_continues_while_database_is_slow(gate: Database) -> None:
    answers = threading.Event()
    slow = asyncio.create_task(gate.run(lambda _tx: answers.wait(PATIENCE)))
    for _beat in range(5):
        await asyncio.sleep(0.01)
    assert not slow.done()
    answers.set()
    assert await slow


# -- only one -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("database")
def test_only_one_process_holds_the_lock(postgres_url: str, gate: Database) -> None:
    other = Database(postgres_url, pool_size=1)
    with gate.only_one("task:credit") as ours, other.only_one("task:credit") as theirs:
        assert (ours, theirs) == (True, False)
        with other.only_one("task:another") as another:
            assert another
    with other.only_one("task:credit") as theirs:
        assert theirs
    other.close()


@pytest.mark.usefixtures("database")
def test_lock_is_released_after_error(postgres_url: str, gate: Database) -> None:
    with pytest.raises(ValueError, match="bug"), gate.only_one("task:credit"):
        raise ValueError("bug")
    other = Database(postgres_url, pool_size=1)
    with other.only_one("task:credit") as theirs:
        assert theirs
    other.close()


@pytest.mark.usefixtures("database")
def test_rejected_process_does_not_release_the_lock(postgres_url: str, gate: Database) -> None:
    other = Database(postgres_url, pool_size=1)
    with gate.only_one("task:credit"):
        with other.only_one("task:credit"):
            pass
        with other.only_one("task:credit") as theirs:
            assert not theirs
    other.close()


@pytest.mark.usefixtures("database")
def test_lock_holds_no_transaction_open(gate: Database) -> None:
    with gate.only_one("task:credit"), gate.begin() as tx:
        idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        assert tx.execute(text(idle)).scalar() == 0


@pytest.mark.usefixtures("database")
def test_connection_works_in_transactions_after_the_lock(postgres_url: str) -> None:
    gate = Database(postgres_url, pool_size=1)
    with gate.only_one("task:credit"):
        pass
    with gate.begin() as tx:
        assert tx.execute(text("SELECT 1 + 1")).scalar() == 2
        assert tx.connection.dbapi_connection.autocommit is False  # type: ignore[union-attr]
    gate.close()


# -- outages --------------------------------------------------------------------------------------


def test_unreachable_database_is_an_outage_without_the_password() -> None:
    away = Database(NOWHERE)
    for use in (
        away.check_address,
        lambda: away.begin().__enter__(),
        lambda: _enter_only_one(away),
    ):
        with pytest.raises(Outage) as caught:
            use()
        assert caught.value.service == "the database"
        assert "hunter2" not in str(caught.value)
        assert "\n" not in caught.value.reason


def _enter_only_one(gate: Database) -> None:
    with gate.only_one("task"):
        raise AssertionError("it was let in")


async def test_unreachable_database_is_an_outage_for_async_callers() -> None:
    with pytest.raises(Outage):
        await Database(NOWHERE).run(add, "never")


def test_lost_connection_is_an_outage_and_rolls_back(
    notifications: Notifications,
) -> None:
    with pytest.raises(Outage), notifications.database.begin() as tx:
        tx.execute(PUT, {"word": "half"})
        notify_after_commit(tx, "outbox")
        cut_off(notifications.database)
        tx.execute(PUT, {"word": "other half"})
    assert words(notifications.database) == []
    assert notifications.sent == []


def test_lost_connection_inside_savepoint_is_an_outage(gate: Database) -> None:
    with pytest.raises(Outage), gate.begin() as tx, savepoint(tx):
        cut_off(gate)
        tx.execute(PUT, {"word": "never"})


def test_idle_connections_that_died_are_replaced(gate: Database) -> None:
    words(gate)
    cut_off(gate)
    assert words(gate) == []


def test_no_free_connection_is_an_outage(postgres_url: str) -> None:
    gate = Database(postgres_url, pool_size=1)
    gate.engine.pool._max_overflow = 0  # type: ignore[attr-defined]
    gate.engine.pool._timeout = 0.05  # type: ignore[attr-defined]
    with gate.begin(), pytest.raises(Outage):
        gate.check_address()
    gate.close()


def test_pooler_option_in_url_is_an_outage(postgres_url: str) -> None:
    gate = Database(f"{postgres_url}&pgbouncer=true")
    with pytest.raises(Outage, match="pgbouncer"):
        gate.check_address()
