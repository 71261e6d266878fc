"""The self-test of Twitch's chat, whose line comes back as an event."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select

from core.inbox.records import deliveries
from core.kit.database.work import Work
from core.kit.services import Services
from core.kit.text.words import _
from core.outbox import selftest
from core.outbox.selftest import Result
from core.twitch.accounts.actions import get_channel
from core.twitch.bodies import CHAT, PLATFORM
from core.twitch.chat.actions import require_able_to_send, say

CLOCKS_DIFFER = timedelta(seconds=30)


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

    def start(work: Work) -> tuple[int, datetime]:
        channel_id = get_channel(work).channel_id
        require_able_to_send(work)
        say(work, _("Bot self-test ({code})").format(code=key[-8:]), key)
        return channel_id, work.now

    def look(work: Work) -> Result:
        arrival = select(deliveries.c.received_at).where(
            deliveries.c.kind == CHAT,
            deliveries.c.lane == f"{PLATFORM}:{channel_id}",
            deliveries.c.received_at >= sent_at - CLOCKS_DIFFER,
            deliveries.c.body["message_id"].astext == bindparam("message_id"),
        )
        return selftest.find_result(work, key, sent_at, arrival)

    channel_id, sent_at = await services.run_as_bot(guild_id, start)
    return await selftest.wait_for_result(services, guild_id, look, seconds)
