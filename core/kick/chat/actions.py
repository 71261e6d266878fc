"""Sending messages to a server's chat."""

from uuid import uuid4

import structlog
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds.connections.chat import Arrivals, Chat
from core.guilds.records import Guild
from core.inbox.records import deliveries
from core.kick.accounts.actions import get_channel
from core.kick.bodies import FEED, PLATFORM
from core.kick.chat.identities import why_unable_to_send
from core.kick.intake.store import source_of_chat
from core.kick.records import UnsentLine
from core.kit.database.work import Work
from core.kit.services import Services
from core.kit.text.words import _
from core.outbox import actions as outbox

_log = structlog.get_logger(__name__)


def send_kick_message(
    services: Services, message: str, guild_id: int, reply_to: str | None = None
) -> bool:
    """Send a message to the server's chat, as a reply if `reply_to` is the id of a message.

    It is stored here and sent soon after, in order. False, with the reason in the log and on
    the health page, when there is no channel or no account that can send.
    """
    with services.work_in(guild_id) as work:
        return say(work, services, message, f"kick.line:{uuid4()}", reply_to)


def say(work: Work, services: Services, text: str, key: str, reply_to: str | None = None) -> bool:
    """Like `send_kick_message`, in the caller's transaction; each `key` is sent once."""
    reason = why_unable_to_send(work, services)
    if reason is not None:
        note_unsent(work, reason)
        return False
    work.execute(delete(UnsentLine))
    channel_id = get_channel(work).channel_id
    line = {"text": text}
    outbox.post_to_chat(work, PLATFORM, channel_id, "kick.line", key, line, reply_to)
    return True


def note_unsent(work: Work, reason: str) -> None:
    """Log why a message cannot be sent, and show it on the health page."""
    _log.warning("Sending to Kick chat failed", reason=reason, guild_id=work.guild_id)
    if work.find(Guild) is None:
        return
    new = {"reason": reason, "at": work.now}
    work.execute(
        upsert(UnsentLine)
        .values(**new)
        .on_conflict_do_update(constraint="kick_unsent_lines_one_a_server", set_=new)
    )


def _arrivals(work: Work, _services: Services) -> Arrivals:
    source = source_of_chat(work.tx, get_channel(work).channel_id)
    if source == FEED:
        way = _("realtime feed")
        remedy = _(
            "Kick's realtime feed did not show it. Your chat comes from there "
            "(KICK_USE_KICKPYTHON_WS): see `/check_kick_config`."
        )
    else:
        way = _("webhook")
        remedy = _(
            "No webhook came from Kick. Check the webhook URL of your Kick app, that webhooks are "
            "on there, and `/check_kick_config`."
        )
    return Arrivals(deliveries.c.source == source, way, remedy)


CHAT = Chat(PLATFORM, "Kick", why_unable_to_send, say, _arrivals)
