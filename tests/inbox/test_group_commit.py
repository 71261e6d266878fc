"""Group commit: many threads at once, each with its own answer."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError

from core.inbox.group_commit import GroupCommit
from core.inbox.store import Delivery
from core.kit.database.connection import Database
from core.kit.errors import Outage
from tests.patience import PATIENCE, until

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class SlowDatabase:
    """Counts what is run on the database, holds it up, lets it fail."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.runs = 0
        self.outages = 0
        self.open = threading.Event()
        self.open.set()
        self.somebody_waits = threading.Event()

    def run_single(self, work: Callable[[Connection], Any]) -> Any:
        self.runs += 1
        self.somebody_waits.set()
        assert self.open.wait(PATIENCE)
        if self.outages:
            self.outages -= 1
            raise Outage("the database", "gone")
        return self._database.run_single(work)


@pytest.fixture
def slow(database: Database) -> SlowDatabase:
    return SlowDatabase(database)


@pytest.fixture
def source(database: Database) -> Iterator[str]:
    """A source used only by this test; its deliveries are deleted afterwards."""
    name = f"test-{uuid4()}"
    yield name
    with database.begin() as tx:
        tx.execute(text("DELETE FROM inbox_deliveries WHERE source = :name"), {"name": name})


def delivery(source: str, name: str, **body: Any) -> Delivery:
    return Delivery(source, name, "chat.message.sent", "test:1", body, AT)


def stored(database: Database, source: str) -> list[str]:
    with database.begin() as tx:
        query = text("SELECT delivery_id FROM inbox_deliveries WHERE source = :source ORDER BY id")
        return list(tx.execute(query, {"source": source}).scalars())


def put(commits: GroupCommit, delivery: Delivery) -> bool:
    return commits.wait(commits.add(delivery))


def behind_one_that_writes(
    commits: GroupCommit,
    slow: SlowDatabase,
    first: Callable[[], Any],
    others: Sequence[Callable[..., Any]],
) -> list[Any]:
    """Start the others while the first is held up in its transaction; their results or errors."""
    slow.open.clear()
    with ThreadPoolExecutor(len(others) + 1) as threads:
        began = threads.submit(first)
        assert slow.somebody_waits.wait(PATIENCE)
        waiting = [threads.submit(other) for other in others]
        until(lambda: len(commits._added) == len(others), "everybody to wait")
        slow.open.set()
        return [future.exception(PATIENCE) or future.result() for future in (began, *waiting)]


def test_concurrent_deliveries_are_written_together(
    slow: SlowDatabase, database: Database, source: str
) -> None:
    commits = GroupCommit(slow)  # type: ignore[arg-type]
    names = [f"d{number}" for number in range(20)]
    puts = [lambda name=name: put(commits, delivery(source, name)) for name in names]
    assert behind_one_that_writes(commits, slow, puts[0], puts[1:]) == [True] * 20
    assert slow.runs == 2
    assert sorted(stored(database, source)) == sorted(names)


def test_one_of_identical_deliveries_is_new(
    slow: SlowDatabase, database: Database, source: str
) -> None:
    commits = GroupCommit(slow)  # type: ignore[arg-type]
    puts = [lambda: put(commits, delivery(source, "same"))] * 6
    assert sorted(behind_one_that_writes(commits, slow, puts[0], puts[1:])) == [False] * 5 + [True]
    assert stored(database, source) == ["same"]


def test_invalid_delivery_does_not_affect_others(
    slow: SlowDatabase, database: Database, source: str
) -> None:
    commits = GroupCommit(slow)  # type: ignore[arg-type]
    puts = [
        lambda: put(commits, delivery(source, "a")),
        lambda: put(commits, delivery(source, "b")),
        lambda: put(commits, delivery(source, "bad", text="\0")),
        lambda: put(commits, delivery(source, "c")),
    ]
    a, b, bad, c = behind_one_that_writes(commits, slow, puts[0], puts[1:])
    assert (a, b, c) == (True, True, True)
    assert isinstance(bad, DataError)
    assert sorted(stored(database, source)) == ["a", "b", "c"]


def test_outage_reaches_all_waiting_callers_and_later_ones_succeed(
    slow: SlowDatabase, database: Database, source: str
) -> None:
    commits = GroupCommit(slow)  # type: ignore[arg-type]
    slow.outages = 1
    puts = [lambda name=name: put(commits, delivery(source, name)) for name in "abcd"]
    told = behind_one_that_writes(commits, slow, puts[0], puts[1:])
    assert [type(error) for error in told] == [Outage] * 4
    assert stored(database, source) == []
    assert put(commits, delivery(source, "a"))


def test_many_concurrent_callers_are_each_answered_once(database: Database, source: str) -> None:
    commits = GroupCommit(database)
    with ThreadPoolExecutor(32) as threads:
        told = [delivery(source, f"d{number % 300}") for number in range(600)]
        answers = list(threads.map(partial(put, commits), told, timeout=PATIENCE))
    assert sum(answers) == 300
    assert len(stored(database, source)) == 300
