"""Sends a line and waits until it comes back as an event: the only end-to-end test that Twitch
allows."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from core.inbox.records import deliveries
from core.kit.services import Services
from core.kit.words import _
from core.kit.work import Work
from core.outbox.actions import find_message
from core.twitch.accounts.actions import get_channel
from core.twitch.bodies import CHAT
from core.twitch.chat.actions import require_able_to_send, say

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.25
CLOCKS_DIFFER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Result:
    """How it went.

    Attributes:
        was_sent: Twitch took the line.
        returned_after: seconds until it came back; None if it did not.
        trouble: why it was not sent.
    """

    was_sent: bool
    returned_after: float | None = None
    trouble: str | None = None


async def run(
    services: Services, guild_id: int, seconds: Callable[[], float] = time.monotonic
) -> Result:
    """Send a line to the server's chat and wait until it comes back, at most half a minute.

    Args:
        seconds: a clock that nobody sets.

    Raises:
        Refusal: there is no channel, or no account that can send.
    """
    key = f"twitch.selftest:{secrets.token_hex(4)}"

    def start(work: Work) -> None:
        get_channel(work)
        require_able_to_send(work)
        say(work, _("Bot self-test ({code})").format(code=key[-8:]), key)

    await services.run_as_bot(guild_id, start)
    result, began = Result(was_sent=False), seconds()
    while result.returned_after is None and seconds() < began + WAIT_SECONDS:
        await asyncio.sleep(POLL_SECONDS)
        result = await services.run_as_bot(guild_id, _find, key, seconds() - began)
    return result


def _find(work: Work, key: str, passed: float) -> Result:
    status = find_message(work, key)
    assert status is not None, "it was posted before"
    if status.receipt is None:
        return Result(False, trouble=status.error)
    message_id = status.receipt.get("message_id")
    if message_id is None:
        return Result(False, trouble=str(status.receipt.get("skipped", "")))
    came = work.tx.scalar(
        select(deliveries.c.id)
        .where(
            deliveries.c.kind == CHAT,
            deliveries.c.lane == status.lane,
            deliveries.c.received_at >= work.now - timedelta(seconds=passed) - CLOCKS_DIFFER,
            deliveries.c.body["message_id"].astext == message_id,
        )
        .limit(1)
    )
    return Result(True, None if came is None else passed)
