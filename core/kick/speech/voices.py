"""With whose voice to speak in a server's chat.

Best is the app's own bot, which Kick marks as one; it speaks with the streamer's token, into that
streamer's channel. Kick has known it to answer 400, 401 and 500 for apps whose bot was not made
yet, so behind it stand the account of KICK_BOT_USER_TOKEN and at last the streamer's own.
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
from core.kick.speech import store
from core.kit.services import Services

WRITING = "chat:write"
"""The scope without which Kick takes no line."""

BOT_RESTS = timedelta(hours=1)
"""How long the app's bot is left alone after another voice had to step in."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One way to speak.

    Attributes:
        name: `app bot`, `bot account` or `streamer`.
        kind: Kick's word for it.
        token: gives the access token.
        renewed: gives another one after Kick rejected that one; None: there is no other.
    """

    name: str
    kind: Literal["bot", "user"]
    token: Callable[[], str]
    renewed: Callable[[str], str] | None = None


def voices_of(services: Services, guild_id: int) -> list[Voice]:
    """Every voice the server has, best first."""
    with services.database.begin() as tx:
        is_connected = _why_streamer_mute(tx, guild_id) is None
        bot_fails_at = store.find_bot_failed_at(tx, guild_id)
    bot_rests = bot_fails_at is not None and services.clock() - bot_fails_at < BOT_RESTS
    found: list[Voice] = []
    if is_connected and not bot_rests:
        found.append(_with_account(services, guild_id, "app bot", "bot"))
    if services.settings.kick_bot_user_token is not None:
        token = services.settings.kick_bot_user_token.get_secret_value()
        found.append(Voice("bot account", "user", lambda: token))
    if is_connected:
        found.append(_with_account(services, guild_id, "streamer", "user"))
    return found


def _with_account(
    services: Services, guild_id: int, name: str, kind: Literal["bot", "user"]
) -> Voice:
    return Voice(
        name,
        kind,
        lambda: tokens.user_token(services, guild_id),
        lambda rejected: tokens.refresh_after_401(services, guild_id, rejected),
    )


def why_mute(tx: Connection, services: Services, guild_id: int) -> str | None:
    """Why nothing can be said in this server's chat, or None."""
    if guilds.find_channel(tx, guild_id, PLATFORM) is None:
        return "No Kick channel is set. Use /connect_kick."
    if services.settings.kick_bot_user_token is not None:
        return None
    return _why_streamer_mute(tx, guild_id)


def _why_streamer_mute(tx: Connection, guild_id: int) -> str | None:
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
