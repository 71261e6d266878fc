"""Posting what we owe: call these in the transaction of the cause."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.kit.database import ring_after_commit
from core.outbox import store

BELL = "outbox"


def post_to_channel(
    tx: Connection, guild_id: int, channel_id: int, kind: str, key: str, payload: dict[str, Any]
) -> bool:
    """A message in a Discord channel; False when this key was already posted."""
    return _post(
        tx,
        guild_id=guild_id,
        key=key,
        service="discord",
        lane=f"discord:{channel_id}",
        target={"channel_id": channel_id},
        kind=kind,
        payload=payload,
    )


def post_to_user(
    tx: Connection, guild_id: int, user_id: int, kind: str, key: str, payload: dict[str, Any]
) -> bool:
    """A direct message to a Discord user, on behalf of a server; False when this key was already
    posted. Somebody who takes no direct messages leaves it on the shelf."""
    return _post(
        tx,
        guild_id=guild_id,
        key=key,
        service="discord",
        lane=f"discord:user:{user_id}",
        target={"user_id": user_id},
        kind=kind,
        payload=payload,
    )


def post_edit(
    tx: Connection,
    guild_id: int,
    channel_id: int,
    original: str,
    kind: str,
    key: str,
    payload: dict[str, Any],
) -> bool:
    """Change the Discord message that was posted in this channel under the key `original`."""
    return _post(
        tx,
        guild_id=guild_id,
        key=key,
        service="discord",
        lane=f"discord:{channel_id}",
        target={"channel_id": channel_id, "edits": original},
        kind=kind,
        payload=payload,
    )


def post_to_kick(
    tx: Connection,
    guild_id: int,
    broadcaster_user_id: int,
    kind: str,
    key: str,
    payload: dict[str, Any],
    reply_to: str | None = None,
) -> bool:
    """A line in a Kick chat, as a reply where `reply_to` is the id of a message."""
    return _post(
        tx,
        guild_id=guild_id,
        key=key,
        service="kick",
        lane=f"kick:{broadcaster_user_id}",
        target={"broadcaster_user_id": broadcaster_user_id, "reply_to": reply_to},
        kind=kind,
        payload=payload,
    )


def _post(tx: Connection, **message: Any) -> bool:
    if not store.add_message(tx, **message):
        return False
    ring_after_commit(tx, BELL)
    return True


def try_shelf_again(tx: Connection, now: datetime, guild_id: int | None = None) -> int:
    """Take one server's things off the shelf, or everybody's; returns how many are tried again."""
    count = store.set_shelf_waiting(tx, now, guild_id)
    if count:
        ring_after_commit(tx, BELL)
    return count
