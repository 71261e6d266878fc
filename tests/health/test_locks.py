"""While another session holds a lock, `/health` answers in time and says who waits for what."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text

from core.events import ChatMessageSent, Event
from core.health import actions
from core.health.actions import Report, report
from core.inbox import feature as inbox
from core.inbox import store
from core.inbox.handlers import Handler
from core.inbox.store import Delivery
from core.inbox.worker import Worker
from core.kit.database.connection import Database
from core.kit.health_item import HealthItem
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.watchtime import feature as watchtime
from tests.clean import cleaned
from tests.conftest import GUILD
from tests.inbox.conftest import said
from tests.patience import until

CHECKS = (inbox.check_health, *watchtime.FEATURE.checks)


def read(database: Database, later: float = 0) -> Report:
    """The `/health` report as of `later` seconds from now."""
    services = Services(
        Settings(_env_file=None),
        database,
        LocalBus(),
        lambda: datetime.now(UTC) + timedelta(seconds=later),
    )
    return report(services, CHECKS)


def part(found: Report, name: str) -> HealthItem:
    (parts,) = [each for each in found.parts if each.name == name]
    return parts


@contextmanager
def locked(database: Database, table: str) -> Iterator[None]:
    """Another session locks the table."""
    with database.engine.connect() as other:
        other.execute(text("SET application_name = 'psql'"))
        other.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield
        other.rollback()
        other.execute(text("SET application_name = 'regulars'"))
        other.commit()


@pytest.fixture
def gate(database: Database) -> Iterator[Database]:
    with cleaned(database):
        yield database


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("inbox_deliveries", "Inbox"),
        ("health_heartbeats", "Health"),
        ("watchtime_streams", "Watchtime"),
    ],
)
def test_locked_table_affects_only_its_own_line(gate: Database, table: str, name: str) -> None:
    with locked(gate, table):
        found = read(gate)
    assert found.overall == "degraded"
    assert "lock timeout" in part(found, name).reason
    assert part(found, "Database").state == "ok"
    assert read(gate).overall == "ok"


def test_slow_checks_are_skipped_after_the_time_limit(
    gate: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "CHECKS_SECONDS", 0.0)
    found = read(gate)
    assert [each.reason for each in found.parts[1:]] == [
        "Not checked: the database is too slow."
    ] * (len(CHECKS) + 3)


def test_inbox_reports_how_long_it_waits_for_a_lock(
    gate: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "WAITS_SECONDS", 0.0)
    monkeypatch.setattr("core.inbox.worker.SLOW_SECONDS", 0.0)

    def translate(_tx: Connection, _delivery: Delivery) -> list[Event]:
        return [said(GUILD, "1")]

    def handle(tx: Connection, _event: Event) -> None:
        tx.execute(text("SELECT * FROM slot_calls"))

    worker = Worker(gate, {"test": translate}, {ChatMessageSent: (Handler("a", handle),)})
    with gate.begin() as tx:
        delivery = Delivery("test", "1", "said", "lane", {}, datetime.now(UTC))
        store.add_deliveries(tx, [delivery])
    with locked(gate, "slot_calls"):
        worker.start()
        until(lambda: "slot_calls" in part(read(gate, 60), "Inbox").reason, "the inbox's reason")
        found = read(gate, 60)
        assert worker.status().reason.startswith("Busy with one batch for")
    worker.stop()
    waiting = part(found, "Inbox")
    assert waiting.state == "warn"
    assert waiting.reason.startswith("1 waiting, the oldest for 6")
    assert "a lock on slot_calls, held by psql (process " in waiting.reason
    assert "slot_calls" in part(found, "Database locks").reason
    assert read(gate).overall == "ok"
