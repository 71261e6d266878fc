"""What the feed showed is stored, whatever one frame of it is like."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import text
from structlog.testing import capture_logs

from core.inbox.buffer import InboxBuffer
from core.inbox.store import Delivery
from core.kit.database.connection import Database
from tests.clean import cleaned

FRAME = Delivery("kick.feed", "1", "said", "kick:1", {"text": "hello"}, datetime.now(UTC))


async def test_unstorable_frame_does_not_affect_others(database: Database) -> None:
    with cleaned(database), capture_logs() as logged:
        buffer = InboxBuffer(database)
        for number in range(5):
            body = {"number": float("nan") if number == 2 else number}
            buffer.put(replace(FRAME, delivery_id=str(number), body=body))
        await buffer.empty()
        with database.begin() as tx:
            stored = tx.scalars(text("SELECT delivery_id FROM inbox_deliveries ORDER BY id")).all()
    assert stored == ["0", "1", "3", "4"]
    assert [line["kind"] for line in logged if line["log_level"] == "error"] == ["said"]
