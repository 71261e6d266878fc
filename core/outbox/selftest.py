"""A self-test sends a line to a chat and waits until it comes back: the only end-to-end test that
the platforms allow."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select

from core.kit.database.work import Work
from core.kit.services import Services
from core.outbox.actions import find_message

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Result:
    """How it went.

    Attributes:
        was_sent: the platform took the line.
        returned_after: seconds until it came back; None if it did not.
        trouble: why it was not sent.
        by_feed: chat comes from Kick's realtime feed and not from webhooks.
    """

    was_sent: bool
    returned_after: float | None = None
    trouble: str | None = None
    by_feed: bool = False


async def wait_for_result(
    services: Services,
    guild_id: int,
    look: Callable[[Work], Result],
    seconds: Callable[[], float] = time.monotonic,
) -> Result:
    """Look until the line has come back, at most half a minute.

    Args:
        seconds: a clock that nobody sets.
    """
    result = Result(was_sent=False)
    deadline = seconds() + WAIT_SECONDS
    while result.returned_after is None and seconds() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        result = await services.run_as_bot(guild_id, look)
    return result


def find_result(
    work: Work, key: str, sent_at: datetime, arrival: Select[Any], *, by_feed: bool = False
) -> Result:
    """How the self-test whose line was posted under this key has gone so far.

    Args:
        arrival: selects when the line with the parameter `message_id` was received.
    """
    status = find_message(work, key)
    assert status is not None, "it was posted before"
    if status.receipt is None:
        return Result(False, trouble=status.error)
    message_id = status.receipt.get("message_id")
    if message_id is None:
        return Result(False, trouble=str(status.receipt.get("skipped", "")))
    received_at = work.tx.scalar(arrival.limit(1), {"message_id": message_id})
    after = None if received_at is None else max((received_at - sent_at).total_seconds(), 0.0)
    return Result(True, after, by_feed=by_feed)
