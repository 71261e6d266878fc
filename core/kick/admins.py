"""Telling a server's admins something that they did not ask for."""

from typing import Any

import structlog
from sqlalchemy import Connection

from core.guilds import actions as guilds
from core.guilds import channels
from core.kick.accounts import store as accounts
from core.kick.settings import ADMIN_CHANNEL
from core.outbox import actions as outbox

_log = structlog.get_logger(__name__)


def tell_admins(
    tx: Connection, guild_id: int, kind: str, key: str, payload: dict[str, Any]
) -> bool:
    """Post it once in the admin channel or, if that cannot be used, send it to the admins in charge
    of Kick; False if it was sent before or there is nobody to send it to."""
    channel_id = guilds.setting(tx, guild_id, ADMIN_CHANNEL)
    if channel_id and channels.find_trouble(tx, guild_id, channel_id) is None:
        return outbox.post_to_channel(tx, guild_id, channel_id, kind, key, payload)
    user_id = _caretaker(tx, guild_id)
    if user_id is not None:
        return outbox.post_to_user(tx, guild_id, user_id, kind, key, payload)
    _log.warning("No admin to alert; set kick.admin_channel", kind=kind, guild_id=guild_id)
    return False


def _caretaker(tx: Connection, guild_id: int) -> int | None:
    """Discord id of who connected the account, or else chose the channel and was not forgotten."""
    account = accounts.find_account(tx, guild_id)
    if account is not None:
        return account.connected_by
    known = accounts.find_known_channel(tx, guild_id)
    return (known.chosen_by or None) if known is not None else None
