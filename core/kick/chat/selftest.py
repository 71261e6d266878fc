"""The self-test of Kick's chat, whose line comes back from wherever chat comes from."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.inbox.records import deliveries
from core.kick.accounts.actions import get_channel
from core.kick.bodies import FEED
from core.kick.chat.actions import require_able_to_send, say
from core.kick.chat.identities import CLOCKS_DIFFER
from core.kick.intake.store import source_of_chat
from core.kick.records import SelfTest
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.text.words import _
from core.outbox import selftest
from core.outbox.selftest import WAIT_SECONDS, Result


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
    return await selftest.wait_for_result(services, guild_id, look, seconds)


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
    channel_id = get_channel(work).channel_id
    source = source_of_chat(work.tx, channel_id)
    arrival = select(deliveries.c.received_at).where(
        deliveries.c.source == source,
        deliveries.c.received_at >= sent_at - CLOCKS_DIFFER,
        deliveries.c.lane == f"kick:{channel_id}",
        deliveries.c.body["message_id"].astext == bindparam("message_id"),
    )
    return selftest.find_result(work, key, sent_at, arrival, by_feed=source == FEED)
