"""The identities that can send to a server's chat.

The app's own bot, which Kick marks as one, comes first; it uses the streamer's token and sends to
that streamer's channel. Kick answers 400, 401 and 500 for apps without a bot, so the account of
KICK_BOT_USER_TOKEN and then the streamer's own account follow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.kick.accounts import store as accounts
from core.kick.accounts import tokens
from core.kick.accounts.actions import PLATFORM
from core.kick.chat import store
from core.kit.services import Services

WRITING = "chat:write"
"""The scope without which Kick takes no line."""

BOT_PAUSE = timedelta(hours=1)
"""How long the app's bot is skipped after another identity had to send."""


@dataclass(frozen=True, slots=True)
class ChatIdentity:
    """An account that can send.

    Attributes:
        name: `app bot`, `bot account` or `streamer`.
        kind: Kick's word for it.
        token: gives the access token.
        renewed: gives another token after Kick rejected that one; None if there is no other.
    """

    name: str
    kind: Literal["bot", "user"]
    token: Callable[[], str]
    renewed: Callable[[str], str] | None = None


def identities_of(services: Services, guild_id: int) -> list[ChatIdentity]:
    """The server's identities, best first."""
    with services.database.begin() as tx:
        is_connected = _why_streamer_unable(tx, guild_id) is None
        failed_at = store.find_bot_failed_at(tx, guild_id)
    is_bot_paused = failed_at is not None and services.clock() - failed_at < BOT_PAUSE
    found: list[ChatIdentity] = []
    if is_connected and not is_bot_paused:
        found.append(_with_account(services, guild_id, "app bot", "bot"))
    if services.settings.kick_bot_user_token is not None:
        token = services.settings.kick_bot_user_token.get_secret_value()
        found.append(ChatIdentity("bot account", "user", lambda: token))
    if is_connected:
        found.append(_with_account(services, guild_id, "streamer", "user"))
    return found


def _with_account(
    services: Services, guild_id: int, name: str, kind: Literal["bot", "user"]
) -> ChatIdentity:
    return ChatIdentity(
        name,
        kind,
        lambda: tokens.user_token(services, guild_id),
        lambda rejected: tokens.refresh_after_401(services, guild_id, rejected),
    )


def why_unable_to_send(tx: Connection, services: Services, guild_id: int) -> str | None:
    """Why nothing can be said in this server's chat, or None."""
    if guilds.find_channel(tx, guild_id, PLATFORM) is None:
        return "No Kick channel is set. Use /connect_kick."
    if services.settings.kick_bot_user_token is not None:
        return None
    return _why_streamer_unable(tx, guild_id)


def _why_streamer_unable(tx: Connection, guild_id: int) -> str | None:
    """Why nothing can be said with the streamer's token, or None."""
    account = accounts.find_account(tx, guild_id)
    channel = guilds.find_channel(tx, guild_id, PLATFORM)
    if account is None:
        return "Nobody is connected. Use /connect_kick, or set KICK_BOT_USER_TOKEN."
    if account.state != "connected":
        return "Kick has ended the connection. Use /connect_kick again."
    if channel is None or account.kick_user_id != channel.channel_id:
        return "Somebody else than the channel's streamer is connected. Use /connect_kick again."
    if WRITING not in account.scopes:
        return "The streamer has not allowed writing in chat. Use /connect_kick again."
    return None
