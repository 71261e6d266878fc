"""An empty outbox, a scripted transport, and a sender."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from core.kit.database.connection import Database
from core.outbox import actions, store
from core.outbox.records import Outgoing
from core.outbox.sender import Sender
from core.outbox.transport import Receipt
from tests.acting import act
from tests.clean import cleaned
from tests.conftest import GUILD
from tests.patience import until_async

# Without locks, which a sender at work would be noticed by.
_DUE = text("""
    SELECT EXISTS (
        SELECT 1 FROM outbox_messages m WHERE m.state = 'sending' OR (
            m.state = 'waiting' AND m.try_at <= :now AND NOT EXISTS (
                SELECT 1 FROM outbox_messages e
                 WHERE e.lane = m.lane AND e.id < m.id AND e.state IN ('waiting', 'sending'))))
""")


@dataclass
class Transport:
    """Records its calls; raises the configured errors, by key.

    Attributes:
        waits_for: nothing arrives before so many were on their way at once.
    """

    delivered: list[str] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)
    confirm_fails: dict[str, Exception] = field(default_factory=dict)
    arrived: dict[str, Receipt] = field(default_factory=dict)
    lasts: float = 0.0
    waits_for: int = 0
    on_its_way: int = 0
    most_on_its_way: int = 0

    async def deliver(self, message: Outgoing) -> Receipt:
        self.on_its_way += 1
        self.most_on_its_way = max(self.most_on_its_way, self.on_its_way)
        try:
            await asyncio.sleep(self.lasts)
            while self.most_on_its_way < self.waits_for:
                await asyncio.sleep(0.001)
        finally:
            self.on_its_way -= 1
        self.delivered.append(message.key)
        if message.key in self.fails:
            raise self.fails[message.key]
        return {"message_id": len(self.delivered)}

    async def confirm(self, message: Outgoing) -> Receipt | None:
        self.confirmed.append(message.key)
        if message.key in self.confirm_fails:
            raise self.confirm_fails[message.key]
        return self.arrived.get(message.key)


@dataclass
class Post:
    """What a test posts, and what became of it."""

    database: Database
    transport: Transport
    # Ahead of what a test takes: messages are due from the database's own `now()` on.
    now: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(minutes=5))

    def clock(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)

    def posted(self, *keys: str, channel: int = 1, guild_id: int = GUILD) -> list[bool]:
        with self.database.begin() as tx:
            return [
                act(tx, guild_id, actions.post_to_channel, channel, "test.kind", key, {"key": key})
                for key in keys
            ]

    def row(self, key: str, guild_id: int = GUILD) -> dict[str, Any]:
        with self.database.begin() as tx:
            found = tx.execute(
                text("SELECT * FROM outbox_messages WHERE key = :key AND guild_id = :guild_id"),
                {"key": key, "guild_id": guild_id},
            )
            return dict(found.mappings().one())

    def states(self) -> dict[str, str]:
        with self.database.begin() as tx:
            found = tx.execute(text("SELECT key, state FROM outbox_messages ORDER BY id"))
            return {row.key: row.state for row in found}

    def claim(self, maximum: int = 16) -> list[Outgoing]:
        """As a sender does, that dies at once."""
        with self.database.begin() as tx:
            return store.claim_due(tx, self.now, maximum)

    def lease_lasts(self, seconds: float) -> None:
        """So much time passes for what is being sent; leases are timed by the database's clock."""
        with self.database.begin() as tx:
            older = "UPDATE outbox_messages SET sending_at = sending_at - :passed"
            tx.execute(text(older), {"passed": timedelta(seconds=seconds)})

    def sender(self, **transports: Any) -> Sender:
        return Sender(self.database, transports or {"discord": self.transport}, self.clock)

    @asynccontextmanager
    async def sending(self, **transports: Any) -> AsyncIterator[Sender]:
        """A sender at work for the length of the block."""
        sender = self.sender(**transports)
        task = asyncio.create_task(sender.run())
        try:
            yield sender
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def settles(self) -> None:
        """Everything that is due now has been tried."""
        async with self.sending():
            await until_async(lambda: not self._due())

    def _due(self) -> bool:
        with self.database.begin() as tx:
            return bool(tx.scalar(_DUE, {"now": self.now}))


@pytest.fixture
def post(database: Database) -> Iterator[Post]:
    with cleaned(database):
        yield Post(database, Transport())


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sender, "POLL_SECONDS", 0.02)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Failures that a test causes are not printed: with all their frames that takes seconds."""
    with capture_logs():
        yield
