"""Sending lines to a server's chat on Twitch."""

from core.guilds.connections.chat import Arrivals, Chat
from core.inbox.records import deliveries
from core.kit.database.work import Work
from core.kit.oauth.tokens import ReconnectNeeded
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.twitch.accounts import actions as accounts
from core.twitch.accounts.records import TwitchAccount
from core.twitch.accounts.rules import WRITE_CHAT
from core.twitch.bodies import CHAT as CHAT_KIND
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
        accounts.get_account(work, "streamer")
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


CHAT = Chat(
    PLATFORM,
    "Twitch",
    lambda work, _services: why_unable_to_send(work),
    lambda work, _services, text, key: say(work, text, key),
    lambda _work, _services: Arrivals(
        deliveries.c.kind == CHAT_KIND,
        "EventSub",
        _("Twitch did not deliver it. `/check_twitch_config` shows what is missing."),
    ),
)
