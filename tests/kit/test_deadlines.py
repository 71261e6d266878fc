"""Budgets and deadlines, with a server process that is frozen in the middle of its work."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace

import pytest
from sqlalchemy import Connection, text

from core.kit.database.connection import Database, DatabaseOutage
from core.kit.runtime import deadlines
from core.kit.runtime.deadlines import BUDGETS, Budget, budget_of

QUICK = Budget("tests", 2, wait=0.1, statement=0.3)
OTHERS = Budget("others", 1, wait=0.1, statement=30)
PID = text("SELECT pg_backend_pid()")


@pytest.fixture
def gate(postgres_url: str) -> Iterator[Database]:
    opened = Database(postgres_url, budgets=(*BUDGETS, QUICK, OTHERS), pool_size=2)
    yield opened
    opened.close()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The kernel still acknowledges what is sent to this server process."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def pid_of(tx: Connection) -> int:
    return int(tx.execute(PID).scalar_one())


def test_statement_of_a_frozen_server_fails_at_its_deadline(gate: Database) -> None:
    def wait(tx: Connection) -> None:
        with frozen(pid_of(tx)):
            tx.execute(text("SELECT 1"))

    with budget_of(QUICK), pytest.raises(DatabaseOutage) as caught:
        gate.run_single(wait)
    assert "no answer in time" in caught.value.reason
    assert not caught.value.lost_connection, "trying once more would wait once more"
    with budget_of(QUICK), gate.begin() as tx:
        assert pid_of(tx)


def test_commit_on_a_frozen_server_fails_at_its_deadline(gate: Database) -> None:
    with ExitStack() as stack, budget_of(QUICK), pytest.raises(DatabaseOutage), gate.begin() as tx:
        stack.enter_context(frozen(pid_of(tx)))


def test_connection_that_is_frozen_while_idle_is_replaced(
    gate: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.kit.database.connection.IDLE_SECONDS", 0.0)
    monkeypatch.setattr(deadlines, "PING_SECONDS", 0.2)
    with gate.begin() as tx:
        pid = pid_of(tx)
    with frozen(pid), budget_of(replace(QUICK, statement=30)), ExitStack() as stack:
        gate._slots[deadlines.current_budget()] = threading.BoundedSemaphore(1)
        assert pid_of(stack.enter_context(gate.begin())) != pid


def test_slow_statement_of_another_budget_goes_on(gate: Database) -> None:
    with budget_of(OTHERS), gate.begin() as tx:
        assert tx.execute(text("SELECT pg_sleep(0.7)")).rowcount == 1


def test_budget_that_is_used_up_leaves_the_others_alone(gate: Database) -> None:
    with budget_of(QUICK), gate.begin(), gate.begin():
        with pytest.raises(DatabaseOutage, match="all 2 connections of tests are in use"):
            gate.begin().__enter__()
        with budget_of(OTHERS), gate.begin() as tx:
            assert pid_of(tx)


async def test_tasks_and_threads_take_over_the_budget_of_their_maker(gate: Database) -> None:
    with budget_of(QUICK):
        assert await gate.run(lambda _tx: deadlines.current_budget()) is QUICK


def test_who_gave_up_waiting_for_a_lock_holds_nothing_on_the_server(gate: Database) -> None:
    with gate.begin() as tx:
        tx.execute(text("SELECT pg_advisory_xact_lock(815)"))
        with budget_of(QUICK), pytest.raises(DatabaseOutage), gate.begin() as waiting:
            waiting.execute(text("SELECT pg_advisory_xact_lock(815)"))
        waits = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
            "AND objid = 815"
        )
        for _try in range(100):
            if not tx.execute(waits).scalar():
                break
            tx.execute(text("SELECT pg_sleep(0.1)"))
        assert not tx.execute(waits).scalar()
