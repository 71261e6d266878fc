"""Sending lines to a server's chat."""

from uuid import uuid4

import structlog
from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.actions import audit
from core.kick.bodies import PLATFORM
from core.kick.chat import store
from core.kick.chat.identities import why_unable_to_send
from core.kick.chat.rules import MOST_CHARACTERS
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.kit.work import Work
from core.outbox import actions as outbox

_log = structlog.get_logger(__name__)


def send_kick_message(
    services: Services, message: str, guild_id: int, reply_to: str | None = None
) -> bool:
    """Send a line to the server's chat, as a reply where `reply_to` is the id of a message.

    It is stored here and sent soon after, in order. False, with the reason in the log and on
    the health page, when there is no channel to speak in or no account that can send.
    """
    with services.database.begin() as tx:
        return say(tx, services, guild_id, message, f"kick.line:{uuid4()}", reply_to)


def say(
    tx: Connection,
    services: Services,
    guild_id: int,
    text: str,
    key: str,
    reply_to: str | None = None,
) -> bool:
    """The same as part of a transaction; a `key` is sent once. False as above."""
    reason = why_unable_to_send(tx, services, guild_id)
    channel = guilds.find_channel(tx, guild_id, PLATFORM)
    if reason is not None or channel is None:
        note_unsent(tx, services, guild_id, reason or "")
        return False
    store.clear_unsent(tx, guild_id)
    with Work(tx, guild_id, now=services.clock()) as work:
        outbox.post_to_kick(work, channel.channel_id, "kick.line", key, {"text": text}, reply_to)
    return True


def note_unsent(tx: Connection, services: Services, guild_id: int, reason: str) -> None:
    """A line cannot be sent: log why, and show it on the health page."""
    _log.warning("A line cannot be sent to Kick's chat", reason=reason, guild_id=guild_id)
    store.set_unsent(tx, guild_id, reason, services.clock())


def say_for(work: Work, services: Services, text: str) -> None:
    """An admin has the bot send a line, which goes into the audit log.

    Raises:
        Refusal: nothing can be sent, and why.
    """
    if not text.strip():
        raise Refusal(_("There is nothing to say."), _("Write the line after the command."))
    if len(text) > MOST_CHARACTERS:
        raise Refusal(
            _("That is too long: {count} characters.").format(count=len(text)),
            _("Kick's chat takes {most}.").format(most=MOST_CHARACTERS),
        )
    require_able_to_send(work.tx, services, work.guild_id)
    say(work.tx, services, work.guild_id, text, f"kick.said:{uuid4()}")
    audit(work, "kick.say", after=text)


def require_able_to_send(tx: Connection, services: Services, guild_id: int) -> None:
    """Raises Refusal, with the reason, if nothing can be sent to this server's chat."""
    reason = why_unable_to_send(tx, services, guild_id)
    if reason is not None:
        raise Refusal(_("Nothing can be said in Kick's chat."), reason)
