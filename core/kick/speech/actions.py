"""Saying something in a server's chat."""

from uuid import uuid4

import structlog
from sqlalchemy import Connection

from core.guilds import store as guilds
from core.kick.accounts.actions import PLATFORM
from core.kick.speech import store
from core.kick.speech.rules import MOST_CHARACTERS
from core.kick.speech.voices import why_mute
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.outbox import actions as outbox

_log = structlog.get_logger(__name__)


def send_kick_message(
    services: Services, message: str, guild_id: int, reply_to: str | None = None
) -> bool:
    """Say a line in the server's chat, as a reply where `reply_to` is the id of a message.

    It is written down here and said soon after, in order. False, with the reason in the log and on
    the health page, when there is no channel to speak in or no voice to speak with.
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
    """The same in the transaction of its cause; `key` makes it once. False as above."""
    reason = why_mute(tx, services, guild_id)
    channel = guilds.find_channel(tx, guild_id, PLATFORM)
    if reason is not None or channel is None:
        note_unsaid(tx, services, guild_id, reason or "")
        return False
    store.end_unsaid(tx, guild_id)
    outbox.post_to_kick(
        tx, guild_id, channel.channel_id, "kick.line", key, {"text": text}, reply_to
    )
    return True


def note_unsaid(tx: Connection, services: Services, guild_id: int, reason: str) -> None:
    """A line cannot be said: why is told in the log and on the health page."""
    _log.warning("Nothing can be said in Kick's chat", reason=reason, guild_id=guild_id)
    store.set_unsaid(tx, guild_id, reason, services.clock())


def say_for(tx: Connection, services: Services, guild_id: int, text: str, actor: int) -> None:
    """An admin has the bot say something, which the audit log remembers.

    Raises:
        Refusal: nothing can be said, and why.
    """
    if not text.strip():
        raise Refusal(_("There is nothing to say."), _("Write the line after the command."))
    if len(text) > MOST_CHARACTERS:
        raise Refusal(
            _("That is too long: {count} characters.").format(count=len(text)),
            _("Kick's chat takes {most}.").format(most=MOST_CHARACTERS),
        )
    mute = why_mute(tx, services, guild_id)
    if mute is not None:
        raise Refusal(_("Nothing can be said in Kick's chat."), mute)
    say(tx, services, guild_id, text, f"kick.said:{uuid4()}")
    guilds.post_audit(tx, guild_id, actor, "kick.say", after=text)
