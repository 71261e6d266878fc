"""One process leads, and another one takes over."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from core.kit.database import Database
from core.kit.leader_lock import LeaderLock

Locks = tuple[LeaderLock, LeaderLock]


@pytest.fixture
def locks(database: Database) -> Iterator[Locks]:
    """The lock as two processes have it; the first one leads."""
    first, second = LeaderLock(database, "tests"), LeaderLock(database, "tests")
    assert (first.acquire(), second.acquire(), first.acquire()) == (True, False, True)
    yield first, second
    first.release()
    second.release()


def lose_connection(lock: LeaderLock, database: Database) -> None:
    """PostgreSQL ends the session that holds the lock."""
    assert lock._held_by is not None, "it leads"
    pid = lock._held_by.execute(text("SELECT pg_backend_pid()")).scalar()
    with database.begin() as tx:
        assert tx.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid}).scalar()


def test_released_lock_goes_to_another_process(locks: Locks) -> None:
    first, second = locks
    first.release()
    assert (second.acquire(), first.acquire()) == (True, False)


def test_leader_whose_connection_is_lost_does_not_lead_beside_another(
    locks: Locks, database: Database
) -> None:
    first, second = locks
    lose_connection(first, database)
    assert (second.acquire(), first.acquire()) == (True, False)


def test_leader_reconnects_and_leads_again(locks: Locks, database: Database) -> None:
    first, second = locks
    lose_connection(first, database)
    assert (first.acquire(), second.acquire()) == (True, False)
