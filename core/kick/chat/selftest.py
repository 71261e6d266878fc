"""Sends a line and waits until it comes back from where chat comes from: the only end-to-end test
that Kick allows."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds.store import Channel
from core.kick.accounts import actions as accounts
from core.kick.bodies import FEED
from core.kick.chat import store
from core.kick.chat.actions import require_able_to_send, say
from core.kick.chat.records import SelfTest
from core.kick.intake.store import source_of_chat
from core.kit.records import GuildId
from core.kit.services import Services
from core.kit.words import _
from core.outbox.store import find_status

WAIT_SECONDS = 30.0
LOOK_SECONDS = 0.25

CLOCKS_DIFFER = timedelta(seconds=30)


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
        seconds: that go by, whatever happens to the clock meanwhile.

    Raises:
        Refusal: there is no channel, or no account that can send.
    """
    started = services.clock()
    key = f"kick.selftest:{secrets.token_hex(4)}"
    channel = await services.database.run(_start, services, guild_id, key, started)
    result = Result(was_sent=False)
    deadline = seconds() + WAIT_SECONDS
    while result.returned_after is None and seconds() < deadline:
        await asyncio.sleep(LOOK_SECONDS)
        result = await services.database.run(find_result, guild_id, channel, key, started)
    return result


def _start(tx: Connection, services: Services, guild_id: int, key: str, now: datetime) -> Channel:
    channel = accounts.get_channel(tx, guild_id)
    require_able_to_send(tx, services, guild_id)
    say_test(tx, services, guild_id, key, now)
    return channel


def say_test(tx: Connection, services: Services, guild_id: int, key: str, now: datetime) -> None:
    """Write the line in chat. Its result is evidence for the alarm about missing chat."""
    say(tx, services, guild_id, _("Bot self-test ({code})").format(code=key[-8:]), key)
    test = SelfTest(guild_id=GuildId(guild_id), key=key, sent_at=now, state="waiting")
    store.set_test(tx, test)


def find_result(
    tx: Connection, guild_id: int, channel: Channel, key: str, started: datetime
) -> Result:
    """What has become of a self-test so far."""
    fate = find_status(tx, guild_id, key)
    assert fate is not None, "it was posted before"
    if fate.receipt is None:
        return Result(False, trouble=fate.error)
    message_id = fate.receipt.get("message_id")
    if message_id is None:
        return Result(False, trouble=str(fate.receipt.get("skipped", "")))
    source = source_of_chat(tx, channel.channel_id)
    received_at = store.find_received_at(
        tx, source, channel.channel_id, message_id, started - CLOCKS_DIFFER
    )
    after = None if received_at is None else max((received_at - started).total_seconds(), 0.0)
    return Result(True, after, by_feed=source == FEED)
