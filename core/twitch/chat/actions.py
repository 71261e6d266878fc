"""Sending lines to a server's chat on Twitch."""

from uuid import uuid4

from core.guilds.actions import audit
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.oauth.tokens import ReconnectNeeded
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.outbox.chat import MAX_CHARACTERS
from core.twitch.accounts import actions as accounts
from core.twitch.accounts.records import TwitchAccount
from core.twitch.accounts.rules import WRITE_CHAT, require_account
from core.twitch.bodies import PLATFORM


def writers_of(work: Work) -> list[TwitchAccount]:
    """The accounts that may write in the server's chat, best first: the bot's, then the
    streamer's."""
    channel, found = accounts.find_channel(work), []
    for role in ("bot", "streamer"):
        account = accounts.find_account(work, role)
        if account is None or account.state != "connected" or WRITE_CHAT not in account.scopes:
            continue
        is_channels = channel is not None and account.twitch_user_id == channel.channel_id
        if role == "bot" or is_channels:
            found.append(account)
    return found


def why_unable_to_send(work: Work) -> str | None:
    """Why nothing can be sent to this server's chat, or None."""
    channel = accounts.find_channel(work)
    if channel is None:
        return _("No Twitch channel is connected. Use /connect_twitch.")
    if writers_of(work):
        return None
    try:
        require_account(accounts.find_account(work), channel)
    except ReconnectNeeded as refusal:
        return f"{refusal.what} {refusal.remedy}"
    return _("The streamer has not allowed writing in chat. Run `/connect_twitch` again.")


def say(work: Work, text: str, key: str) -> bool:
    """Send a line soon; a `key` is sent once. False if there is no channel."""
    channel = accounts.find_channel(work)
    if channel is None:
        return False
    payload = {"text": text}
    return outbox.post_to_chat(work, PLATFORM, channel.channel_id, "twitch.line", key, payload)


def say_for(work: Work, text: str) -> None:
    """An admin has the bot send a line, which goes into the audit log.

    Raises:
        Refusal: nothing can be sent, and why.
    """
    if not text.strip():
        raise Refusal(_("There is nothing to say."), _("Write the `line` after the command."))
    if len(text) > MAX_CHARACTERS:
        raise Refusal(
            _("That is too long: {count} characters.").format(count=len(text)),
            _("Twitch's chat takes {maximum}.").format(maximum=MAX_CHARACTERS),
        )
    require_able_to_send(work)
    say(work, text, f"twitch.said:{uuid4()}")
    audit(work, "twitch.say", after=text)


def require_able_to_send(work: Work) -> None:
    """Raises Refusal, with the reason, if nothing can be sent to this server's chat."""
    reason = why_unable_to_send(work)
    if reason is not None:
        raise Refusal(_("Nothing can be said in Twitch's chat."), reason)
