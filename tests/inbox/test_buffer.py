"""The feed's frames are stored even if one of them is invalid."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from core.inbox import buffer as module
from core.inbox.buffer import InboxBuffer
from core.inbox.store import Delivery
from core.kit.database.connection import Database
from core.kit.errors import Outage
from tests.clean import cleaned

FRAME = Delivery("kick.feed", "1", "said", "kick:1", {"text": "hello"}, datetime.now(UTC))


def stored(database: Database) -> list[str]:
    with database.begin() as tx:
        found = text("SELECT delivery_id FROM inbox_deliveries ORDER BY id")
        return list(tx.scalars(found))


async def test_unstorable_frame_does_not_affect_others(database: Database) -> None:
    with cleaned(database), capture_logs() as logged:
        buffer = InboxBuffer(database)
        for number in range(5):
            body = {"number": float("nan") if number == 2 else number}
            buffer.put(replace(FRAME, delivery_id=str(number), body=body))
        await buffer.empty()
        assert stored(database) == ["0", "1", "3", "4"]
    assert [line["kind"] for line in logged if line["log_level"] == "error"] == ["said"]


class Away(Database):
    """A database that fails twice while frames keep arriving."""

    outages = 2
    buffer: InboxBuffer

    async def run(self, work, *args, **kwargs):  # type: ignore[no-untyped-def]
        if self.outages:
            self.outages -= 1
            self.buffer.put(replace(FRAME, delivery_id=f"meanwhile {self.outages}"))
            raise Outage("the database")
        return await super().run(work, *args, **kwargs)


async def test_oldest_frames_are_lost_in_a_long_outage(
    database: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 4)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0)
    away = Away(postgres_url, pool_size=1)
    with cleaned(database), capture_logs():
        away.buffer = InboxBuffer(away)
        for number in range(3):
            away.buffer.put(replace(FRAME, delivery_id=str(number)))
        await away.buffer.empty()
        assert stored(database) == ["1", "2", "meanwhile 1", "meanwhile 0"]
    away.close()
