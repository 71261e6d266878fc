"""An empty inbox, deliveries to put into it, and handlers whose effects can be counted."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Row, text
from structlog.testing import capture_logs

from core.events import ChatMessageSent, Event, Sender
from core.inbox import store
from core.inbox.handlers import Handler
from core.inbox.store import Delivery
from core.inbox.worker import Worker
from core.kit.database.connection import Database
from tests.clean import cleaned
from tests.conftest import GUILD

START = datetime(2026, 11, 21, 18, tzinfo=UTC)
_EFFECT = text("INSERT INTO test_inbox_effects (handler, guild_id, key) VALUES (:h, :g, :k)")


@pytest.fixture(scope="session")
def effects_table(database: Database) -> Iterator[None]:
    with database.begin() as tx:
        tx.execute(
            text(
                "CREATE TABLE test_inbox_effects (id bigserial PRIMARY KEY, "
                "handler text NOT NULL, guild_id bigint NOT NULL, key text NOT NULL)"
            )
        )
    yield
    with database.begin() as tx:
        tx.execute(text("DROP TABLE test_inbox_effects"))


@dataclass
class Story:
    """The deliveries of a test, and their effects."""

    database: Database
    now: datetime = START
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def clock(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)

    def deliver(
        self, *keys: str, lane: str = "lane", guilds: Sequence[int] = (GUILD,), source: str = "test"
    ) -> None:
        """One delivery for each key, committed in this order."""
        batch = [self.delivery(key, lane=lane, guilds=guilds, source=source) for key in keys]
        with self.database.begin() as tx:
            store.add_deliveries(tx, batch)

    def delivery(
        self,
        key: str,
        *,
        lane: str = "lane",
        guilds: Sequence[int] = (GUILD,),
        source: str = "test",
    ) -> Delivery:
        body: dict[str, Any] = {"key": key, "guilds": list(guilds)}
        return Delivery(source, f"d{next(self.numbers)}", "said", lane, body, START)

    def effects(self) -> list[tuple[str, int, str]]:
        """(handler, guild, key), in the order in which they happened."""
        with self.database.begin() as tx:
            found = tx.execute(
                text("SELECT handler, guild_id, key FROM test_inbox_effects ORDER BY id")
            )
            return [tuple(row) for row in found]

    def keys(self, handler: str = "a") -> list[str]:
        return [key for name, _guild, key in self.effects() if name == handler]

    def counts(self) -> Row[Any]:
        with self.database.begin() as tx:
            return store.get_counts(tx)

    def next_try(self) -> datetime | None:
        """When the next retry is due."""
        with self.database.begin() as tx:
            return tx.scalar(text("SELECT min(try_at) FROM inbox_retries WHERE state = 'waiting'"))

    def states(self) -> list[str]:
        with self.database.begin() as tx:
            found = tx.execute(text("SELECT state FROM inbox_deliveries ORDER BY id"))
            return list(found.scalars())

    def worker(self, *handlers: Handler, **translators: Any) -> Worker:
        return Worker(
            self.database,
            {"test": translate, **translators},
            {ChatMessageSent: handlers},
            self.clock,
        )


@pytest.fixture
def story(database: Database, effects_table: None) -> Iterator[Story]:
    with cleaned(database):
        yield Story(database)
    with database.begin() as tx:
        tx.execute(text("DELETE FROM test_inbox_effects"))


def translate(_tx: Connection, delivery: Delivery) -> list[Event]:
    """One event for each server, as Kick's translator does."""
    return [said(guild_id, delivery.body["key"]) for guild_id in delivery.body["guilds"]]


def said(guild_id: int, key: str, text_: str = "hello") -> ChatMessageSent:
    return ChatMessageSent(
        key=key,
        guild_id=guild_id,
        at=START,
        platform="kick",
        channel_id=4377,
        message_id=key,
        sender=Sender(user_id=7, name="MadCats"),
        text=text_,
    )


def effect(tx: Connection, handler: str, event: Event) -> None:
    """Something that is seen later if, and only if, it was committed."""
    tx.execute(_EFFECT, {"h": handler, "g": event.guild_id, "k": event.key})


def handler(name: str, fails: Callable[[Event], Exception | None] = lambda _event: None) -> Handler:
    """It has its effect first and fails afterwards, so that a half effect would be seen."""

    def run(tx: Connection, event: Event) -> None:
        effect(tx, name, event)
        error = fails(event)
        if error is not None:
            raise error

    return Handler(name, run)


def failing_on(failures: Mapping[str, Exception]) -> Callable[[Event], Exception | None]:
    return lambda event: failures.get(event.key)


def drain(worker: Worker) -> int:
    """Work until there is nothing to do; returns how many steps it took."""
    return sum(1 for _ in itertools.takewhile(bool, _steps(worker)))


def _steps(worker: Worker) -> Iterable[bool]:
    while True:
        yield worker.work_once()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Failures that a test causes are not printed: with all their frames that takes seconds."""
    with capture_logs():
        yield
