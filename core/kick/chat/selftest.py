"""Sends a line and waits until it comes back from where chat comes from: the only end-to-end test
that Kick allows."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.inbox.records import deliveries
from core.kick.accounts.actions import get_channel
from core.kick.bodies import FEED
from core.kick.chat.actions import require_able_to_send, say
from core.kick.chat.identities import CLOCKS_DIFFER
from core.kick.intake.store import source_of_chat
from core.kick.records import SelfTest
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.kit.work import Lock, Work
from core.outbox.actions import find_message

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Result:
    """How it went.

    Attributes:
        was_sent: Kick took the line.
        returned_after: seconds until it came back; None if it did not.
        trouble: why it was not sent.
        by_feed: chat comes from the realtime feed and not from webhooks.
    """

    was_sent: bool
    returned_after: float | None = None
    trouble: str | None = None
    by_feed: bool = False


async def run(
    services: Services, guild_id: int, seconds: Callable[[], float] = time.monotonic
) -> Result:
    """Send a line to the server's chat and wait until it comes back, at most half a minute.

    Args:
        seconds: a clock that nobody sets.

    Raises:
        Refusal: there is no channel, no account that can send, or a test was sent just now.
    """

    def start(work: Work) -> tuple[str, datetime]:
        get_channel(work)
        require_able_to_send(work, services)
        _require_pause(work)
        return say_test(work, services), work.now

    def look(work: Work) -> Result:
        result = find_result(work, *sent)
        newest = work.find(SelfTest)
        if result.returned_after is not None and newest is not None and newest.key == sent[0]:
            newest.state = "received"
        return result

    sent = await services.run_as_bot(guild_id, start)
    result = Result(was_sent=False)
    deadline = seconds() + WAIT_SECONDS
    while result.returned_after is None and seconds() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        result = await services.run_as_bot(guild_id, look)
    return result


def _require_pause(work: Work) -> None:
    """Raises Refusal if the newest test began less than half a minute ago."""
    work.lock(Lock.KICK_CHANNEL)
    newest = work.find(SelfTest)
    if newest is not None and work.now - newest.sent_at < timedelta(seconds=WAIT_SECONDS):
        raise Refusal(_("A self-test was sent just now."), _("Wait half a minute."))


def say_test(work: Work, services: Services) -> str:
    """Send the line; returns its key. Its result is evidence for the alert about missing chat."""
    key = f"kick.selftest:{secrets.token_hex(4)}"
    say(work, services, _("Bot self-test ({code})").format(code=key[-8:]), key)
    new = {"key": key, "sent_at": work.now, "state": "waiting"}
    work.execute(
        upsert(SelfTest)
        .values(**new)
        .on_conflict_do_update(constraint="kick_selftests_one_a_server", set_=new)
    )
    return key


def find_result(work: Work, key: str, sent_at: datetime) -> Result:
    """How a self-test has gone so far."""
    status = find_message(work, key)
    assert status is not None, "it was posted before"
    if status.receipt is None:
        return Result(False, trouble=status.error)
    message_id = status.receipt.get("message_id")
    if message_id is None:
        return Result(False, trouble=str(status.receipt.get("skipped", "")))
    channel_id = get_channel(work).channel_id
    source = source_of_chat(work.tx, channel_id)
    received_at = work.tx.scalar(
        select(deliveries.c.received_at).where(
            deliveries.c.source == source,
            deliveries.c.received_at >= sent_at - CLOCKS_DIFFER,
            deliveries.c.lane == f"kick:{channel_id}",
            deliveries.c.body["message_id"].astext == message_id,
        )
    )
    after = None if received_at is None else max((received_at - sent_at).total_seconds(), 0.0)
    return Result(True, after, by_feed=source == FEED)
