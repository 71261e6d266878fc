"""One process leads, and another one takes over."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.kit.database.connection import Database
from core.kit.runtime import leases
from core.kit.runtime.leases import Leader
from tests.patience import until

Leaders = tuple[Leader, Leader]

HOLDER = text("UPDATE kit_leases SET holder = :holder WHERE name = 'leader:tests'")
ENDED = text("UPDATE kit_leases SET until = until - interval '1 hour' WHERE name LIKE '%tests'")


@pytest.fixture
def leaders(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Leaders]:
    """Leader objects for two processes; the first one leads."""
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.0)
    first, second = Leader(database.leases, "tests"), Leader(database.leases, "tests")
    assert (first.ask(), second.ask(), first.ask()) == (True, False, True)
    yield first, second
    first.release()
    second.release()


def test_released_lease_goes_to_another_process(leaders: Leaders) -> None:
    first, second = leaders
    second.release()  # it does not hold the lease
    first.release()
    assert (second.ask(), first.ask()) == (True, False)


def test_leader_that_hangs_is_replaced_and_does_not_lead_beside_the_other(
    leaders: Leaders, database: Database
) -> None:
    first, second = leaders
    with database.begin() as tx:
        tx.execute(ENDED)
    assert (second.ask(), first.ask()) == (True, False)


def test_leader_that_was_killed_on_this_machine_is_replaced_at_once(
    leaders: Leaders, database: Database
) -> None:
    _first, second = leaders
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    holder = leases.new_holder_id().replace(f" {os.getpid()}.", f" {int(dead.stdout)}.")
    with database.begin() as tx:
        tx.execute(HOLDER, {"holder": "another machine 1.a"})
    assert not second.ask()
    with database.begin() as tx:
        tx.execute(HOLDER, {"holder": holder})
    assert second.ask()


def test_leader_stays_the_same_while_the_database_is_away() -> None:
    away = Leader(Database("postgresql://127.0.0.1:1/x").leases, "tests")
    assert not away.is_leader()
    away._leads = True
    assert away.is_leader()


def test_block_is_renewed_while_it_runs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.05)
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=5))
    left = text("SELECT until - clock_timestamp() FROM kit_leases WHERE name = 'tests'")
    with database.only_one("tests") as ours:
        assert ours
        with database.begin() as tx:
            tx.execute(ENDED)

        def is_renewed() -> bool:
            with database.begin() as tx:
                return bool(tx.execute(left).scalar_one() > timedelta())

        until(is_renewed, "a renewal")
    with database.begin() as tx:
        assert tx.execute(left).first() is None
