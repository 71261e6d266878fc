"""Heartbeats: written while a process runs, reported missing after a crash, but not after a clean
stop.
"""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from core.health import heartbeat
from core.health.actions import examine
from core.health.heartbeat import HeartbeatThread, set_heartbeats
from core.health.records import Heartbeat
from core.kit.database.connection import Database
from core.kit.database.work import read_records
from core.kit.health_item import HealthItem, State
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.leases import new_holder_id
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from tests.clean import cleaned
from tests.patience import until

NOW = datetime(2026, 11, 21, 18, tzinfo=UTC)
WELL = [HealthItem("Discord bot", "ok", "Connected.")]


@pytest.fixture
def services(database: Database) -> Iterator[Services]:
    with cleaned(database):
        yield Services(Settings(_env_file=None), database, LocalBus())


def stored(tx: Connection) -> list[HealthItem]:
    found = read_records(tx, select(Heartbeat))
    return [HealthItem(beat.part, beat.state, beat.reason) for beat in found]


def stored_now(services: Services) -> list[HealthItem]:
    with services.database.begin() as tx:
        return stored(tx)


def test_process_reports_its_parts_and_removes_them_when_it_ends(
    services: Services,
) -> None:
    thread = HeartbeatThread(services, lambda: WELL)
    thread.start()
    until(lambda: stored_now(services) == WELL)
    thread.stop()
    assert stored_now(services) == []


def test_heartbeat_without_database_stops_quietly() -> None:
    away = Services(Settings(_env_file=None), Database("postgresql://127.0.0.1:1/x"), LocalBus())
    thread = HeartbeatThread(away, lambda: WELL)
    thread.start()
    thread.stop()
    until(lambda: not thread._thread.is_alive())


def test_dead_process_is_down_after_half_a_minute_and_finally_removed(
    tx: Connection,
) -> None:
    set_heartbeats(tx, "host:1", WELL, NOW)
    assert examine(tx, (), NOW + timedelta(seconds=20)).overall == "ok"
    later = examine(tx, (), NOW + timedelta(seconds=40))
    assert later.overall == "down"
    assert later.parts[1] == HealthItem("Discord bot", "down", "No heartbeat.", 40, age_of="seen")
    set_heartbeats(
        tx, "host:2", [HealthItem("Web", "ok", "Answering.")], NOW + timedelta(minutes=11)
    )
    assert {part.name for part in stored(tx)} == {"Web"}


def test_restarted_process_reports_its_part_again(tx: Connection) -> None:
    set_heartbeats(tx, "host:1", WELL, NOW)
    set_heartbeats(tx, "host:2", WELL, NOW + timedelta(seconds=60))
    assert examine(tx, (), NOW + timedelta(seconds=61)).overall == "ok"


def test_process_that_was_killed_says_nothing_more(tx: Connection) -> None:
    """Its successor would be called connected before it is."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    space, _, _own = new_holder_id().rpartition(" ")
    try:
        set_heartbeats(tx, f"{space} {process.pid}.0", WELL, NOW)
        assert examine(tx, (), NOW).overall == "ok"
    finally:
        process.kill()
    until(lambda: examine(tx, (), NOW).overall == "down")  # also while its parent has not looked
    process.wait()
    assert examine(tx, (), NOW).overall == "down"


def test_part_no_longer_reported_is_removed(tx: Connection) -> None:
    set_heartbeats(tx, "host:1", [HealthItem("Task a", "warn", "Kick is away.")], NOW)
    set_heartbeats(tx, "host:1", [HealthItem("Tasks", "ok", "Well.")], NOW)
    assert [part.name for part in stored(tx)] == ["Tasks"]
    set_heartbeats(tx, "host:1", [], NOW)
    assert stored(tx) == []


def test_failed_check_does_not_stop_the_heartbeat(services: Services) -> None:
    errors = iter([ValueError("a bug")])

    def fail_once() -> list[HealthItem]:
        for bug in errors:
            raise bug
        return WELL

    thread = HeartbeatThread(services, fail_once)
    thread.start()
    until(lambda: stored_now(services) == WELL)
    thread.stop()


def test_change_of_state_is_stored_before_the_next_heartbeat(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_SECONDS", 3600.0)
    states: list[State] = ["warn"]
    thread = HeartbeatThread(services, lambda: [HealthItem("Discord bot", states[-1], "")])
    thread.start()
    until(lambda: stored_now(services) == [HealthItem("Discord bot", "warn", "")])
    states.append("ok")
    until(lambda: stored_now(services) == [HealthItem("Discord bot", "ok", "")])
    thread.stop()
