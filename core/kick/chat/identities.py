"""The identities that can send to a server's chat.

The app's own bot, which Kick marks as one, comes first; it uses the streamer's token and sends to
that streamer's channel. Kick answers 400, 401 and 500 for apps without a bot, so the account of
KICK_BOT_USER_TOKEN and then the streamer's own account follow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

import structlog
from sqlalchemy import Connection, select

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox.records import deliveries
from core.kick.accounts import tokens
from core.kick.accounts.actions import ACCOUNT
from core.kick.accounts.records import Account
from core.kick.accounts.store import set_bot
from core.kick.bodies import CHAT, PLATFORM
from core.kit.database.work import Work
from core.kit.oauth.tokens import ReconnectNeeded
from core.kit.services import Services

WRITING = "chat:write"
"""The scope needed to send messages."""

BOT_PAUSE = timedelta(hours=1)
"""How long the app's bot is skipped after another identity had to send."""

CLOCKS_DIFFER = timedelta(seconds=30)
"""Maximum difference between the clocks of our processes."""

MAX_ECHO_DELAY = timedelta(minutes=10)
"""How late a message of ours may come back and still be recognised."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ChatIdentity:
    """An account that can send.

    Attributes:
        name: `app bot`, `bot account` or `streamer`.
        kind: Kick's name for it.
        token: returns the access token.
        renewed: returns another token after Kick rejected that one; None if there is no other.
    """

    name: str
    kind: Literal["bot", "user"]
    token: Callable[[], str]
    renewed: Callable[[str], str] | None = None


def identities_of(services: Services, guild_id: int) -> list[ChatIdentity]:
    """The server's identities, best first."""
    with services.work_in(guild_id) as work:
        account = work.find(Account)
        channel = guilds.find_channel(work.tx, guild_id, PLATFORM)
    is_connected = _why_streamer_unable(account, channel) is None
    failed_at = account.bot_failed_at if account is not None else None
    is_bot_paused = failed_at is not None and services.clock() - failed_at < BOT_PAUSE
    of_streamer = (
        partial(tokens.user_token, services, guild_id),
        partial(tokens.refresh_after_401, services, guild_id),
    )
    found: list[ChatIdentity] = []
    if is_connected and not is_bot_paused:
        found.append(ChatIdentity("app bot", "bot", *of_streamer))
    if services.settings.kick_bot_user_token is not None:
        token = services.settings.kick_bot_user_token.get_secret_value()
        found.append(ChatIdentity("bot account", "user", lambda: token))
    if is_connected:
        found.append(ChatIdentity("streamer", "user", *of_streamer))
    return found


def why_unable_to_send(work: Work, services: Services) -> str | None:
    """Why nothing can be sent to this server's chat, or None."""
    channel = guilds.find_channel(work.tx, work.guild_id, PLATFORM)
    if channel is None:
        return "No Kick channel is set. Use /connect_kick."
    if services.settings.kick_bot_user_token is not None:
        return None
    return _why_streamer_unable(work.find(Account), channel)


def _why_streamer_unable(account: Account | None, channel: Channel | None) -> str | None:
    """Why nothing can be sent with the streamer's token, or None."""
    try:
        scopes = ACCOUNT.require_usable(account, channel).scopes
    except ReconnectNeeded as refusal:
        return f"{refusal.what} {refusal.remedy}"
    if WRITING not in scopes:
        return "The streamer has not allowed writing in chat. Run `/connect_kick` again."
    return None


class AppBot:
    """Finds out which account the app's own bot has, so that our own messages earn nothing and run
    no commands. Kick does not say so, but what the bot sends comes back as chat with the message id
    that Kick returned."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._before: dict[int, tuple[str, datetime]] = {}
        self._is_known = False

    def learn(self, channel_id: int, message_id: str) -> None:
        """The bot just sent this message; its previous one may already have come back.

        Raises:
            Outage: the database is down.
        """
        if self._is_known or not message_id:
            return
        before = self._before.get(channel_id)
        self._before[channel_id] = (message_id, self._services.clock())
        if before is None:
            return
        with self._services.database.begin() as tx:
            sender = _find_sender(tx, channel_id, *before)
            if sender is not None:
                set_bot(tx, *sender)
                self._is_known = True
                _log.info("App bot account identified", name=sender[1])


def _find_sender(
    tx: Connection, channel_id: int, message_id: str, sent_at: datetime
) -> tuple[int, str] | None:
    """User id and name of the sender of this chat message, unless it is the streamer."""
    sender = deliveries.c.body["sender"]
    user_id = sender["user_id"].as_integer()
    row = tx.execute(
        select(user_id, sender["username"].as_string())
        .where(
            deliveries.c.kind == CHAT,
            deliveries.c.received_at.between(sent_at - CLOCKS_DIFFER, sent_at + MAX_ECHO_DELAY),
            deliveries.c.lane == f"kick:{channel_id}",
            deliveries.c.body["message_id"].astext == message_id,
            user_id != channel_id,
        )
        .limit(1)
    ).first()
    return None if row is None else (row[0], row[1] or "")
