"""Which data is deleted, and which is kept forever."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from core.inbox import actions as inbox
from core.inbox.handlers import Handlers
from core.inbox.store import Delivery
from core.inbox.worker import Worker
from core.kick.events import events_of
from core.kick.intake import log
from core.kick.intake.records import LogLine, UnattributedDelivery
from core.kick.review.tasks import forget
from core.kick.tasks import prune
from core.kit import tasks as scheduled
from core.kit.database.connection import Database
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from tests.kick.rig import (
    NOON,
    SUPPORT,
    StandingClock,
    chat,
    follow,
    line_of,
    settings,
    status,
)

WINDOW = timedelta(days=2)
"""The age at which deliveries are refused, and a day."""


@pytest.fixture
def services(clean: Database, clock: StandingClock, guild_id: int) -> Services:
    follow(clean, guild_id)
    return Services(settings(), clean, LocalBus(), clock)


def deliver(database: Database, at: datetime, kind: str, body: dict[str, Any], number: int) -> None:
    source = "kick.poll" if kind.startswith("poll") else "kick.webhook"
    with database.begin() as tx:
        inbox.receive(tx, Delivery(source, f"{kind}-{number}", kind, "kick:1", body, at))
        tx.execute(
            text("UPDATE inbox_deliveries SET received_at = :at WHERE delivery_id = :id"),
            {"at": at, "id": f"{kind}-{number}"},
        )


def work(database: Database) -> None:
    handlers: Handlers = {}
    worker = Worker(database, {"kick.webhook": events_of, "kick.poll": events_of}, handlers)
    while worker.work_once():
        pass


def left(database: Database, column: str, table: str) -> set[str]:
    with database.begin() as tx:
        return set(tx.execute(text(f"SELECT DISTINCT {column} FROM {table}")).scalars())


def test_old_chat_and_polls_are_deleted_and_support_is_kept(
    services: Services, clean: Database
) -> None:
    old = NOON - WINDOW - timedelta(minutes=1)
    seen = {"seen_at": old.isoformat(), "broadcaster": {"user_id": 4_100_001}}
    bodies = SUPPORT | {
        "chat.message.sent": chat(created_at=old.isoformat()),
        "livestream.status.updated": status(True),
        "poll.livestream": seen,
    }
    for number, (kind, body) in enumerate(bodies.items()):
        deliver(clean, old, kind, body, number)
    work(clean)
    facts = left(clean, "event", "inbox_events")
    prune(services)
    gone = {"chat.message.sent", "poll.livestream"}
    assert left(clean, "kind", "inbox_deliveries") == set(bodies) - gone
    assert left(clean, "event", "inbox_events") == facts - {"ChatMessageSent", "StreamSeenOffline"}


def test_deliveries_within_the_replay_window_are_kept(services: Services, clean: Database) -> None:
    at = NOON - WINDOW + timedelta(minutes=1)
    deliver(clean, at, "chat.message.sent", chat(created_at=at.isoformat()), 1)
    work(clean)
    prune(services)
    assert left(clean, "kind", "inbox_deliveries") == {"chat.message.sent"}
    assert left(clean, "event", "inbox_events") == {"ChatMessageSent"}


def test_waiting_and_dead_letter_deliveries_are_kept(services: Services, clean: Database) -> None:
    old = NOON - timedelta(days=30)
    deliver(clean, old, "chat.message.sent", {"not": "understood"}, 1)
    work(clean)
    deliver(clean, old, "chat.message.sent", chat(), 2)
    prune(services)
    assert left(clean, "state", "inbox_deliveries") == {"dead", "waiting"}


def test_log_is_kept_for_seven_days(services: Services, clean: Database, guild_id: int) -> None:
    def line(days: float) -> LogLine:
        return line_of(guild_id, NOON - timedelta(days=days), delivery_id=f"{days}")

    with clean.begin() as tx:
        log.add_lines(tx, [line(9), line(7.1), line(6.9), line(0)])
        log.add_lines(
            tx,
            [
                UnattributedDelivery(at=NOON - timedelta(days=days), outcome="stale")
                for days in (8, 6)
            ],
        )
    prune(services)
    assert left(clean, "delivery_id", "kick_webhook_log") == {"6.9", "0"}
    assert len(left(clean, "id::text", "kick_unattributed_deliveries")) == 1


def test_last_chat_time_is_known_after_chat_is_deleted(
    services: Services, clean: Database, guild_id: int
) -> None:
    follow(clean, guild_id, 1)
    newest = NOON - timedelta(days=3)
    for number, at in enumerate((newest - timedelta(hours=1), newest)):
        deliver(clean, at, "chat.message.sent", chat(created_at=at.isoformat()), number)
    work(clean)
    for _ in range(2):
        prune(services)
        assert left(clean, "kind", "inbox_deliveries") == set()
        with clean.begin() as tx:
            found = log.list_newest_of_kinds(tx, guild_id, ["chat.message.sent"])
            lines = log.list_newest_lines(tx, guild_id, 10)
        assert found == {"chat.message.sent": newest}
        assert [line.at for line in lines] == [newest]


def test_pruning_deletes_in_batches(
    services: Services, clean: Database, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled, "ROWS_PER_STEP", 3)
    old = NOON - timedelta(days=30)
    for number in range(8):
        deliver(clean, old, "chat.message.sent", chat(created_at=old.isoformat()), number)
    work(clean)
    with clean.begin() as tx:
        log.add_lines(tx, [line_of(guild_id, old, delivery_id=str(n)) for n in range(8)])
    prune(services)
    for table, column in (
        ("inbox_deliveries", "kind"),
        ("inbox_events", "event"),
        ("kick_webhook_log", "kind"),
    ):
        assert left(clean, column, table) == set()


def test_pruning_run_is_bounded(
    services: Services, clean: Database, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled, "ROWS_PER_STEP", 1)
    monkeypatch.setattr(scheduled, "MAX_STEPS", 2)
    old = NOON - timedelta(days=30)
    with clean.begin() as tx:
        log.add_lines(tx, [line_of(guild_id, old, delivery_id=str(n)) for n in range(5)])
    prune(services)
    assert left(clean, "delivery_id", "kick_webhook_log") == {"2", "3", "4"}


def test_support_too_old_to_have_duplicates_is_deleted(services: Services, clean: Database) -> None:
    kind = "channel.subscription.gifts"
    deliver(clean, NOON, kind, SUPPORT[kind] | {"created_at": "2026-03-31T12:00:00Z"}, 1)
    deliver(clean, NOON, kind, SUPPORT[kind], 2)
    work(clean)
    forget(services)
    with clean.begin() as tx:
        kept = tx.execute(text("SELECT count(*), min(at) FROM kick_recent_support")).one()
    assert tuple(kept) == (3, NOON)
