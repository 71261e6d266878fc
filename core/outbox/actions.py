"""Posting what we owe: call these in the transaction of the cause."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from core.events import ChatMessageSent
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
    tx: Connection,
    guild_id: int,
    user_id: int,
    kind: str,
    key: str,
    payload: dict[str, Any],
    *,
    if_possible: bool = False,
    after_seconds: float = 0,
) -> bool:
    """A direct message to a Discord user, on behalf of a server; False when this key was already
    posted. Somebody who takes no direct messages leaves it on the shelf, or with `if_possible`
    simply does without. With `after_seconds` it is not sent before so many seconds have passed."""
    target: dict[str, Any] = {"user_id": user_id}
    return _post(
        tx,
        guild_id=guild_id,
        key=key,
        service="discord",
        lane=f"discord:user:{user_id}",
        target={**target, "if_possible": True} if if_possible else target,
        kind=kind,
        payload=payload,
        after_seconds=after_seconds,
    )


def post_edit(
    tx: Connection,
    guild_id: int,
    channel_id: int,
    original: str,
    kind: str,
    key: str,
    payload: dict[str, Any] | None,
    *,
    after_seconds: float = 0,
) -> bool:
    """Change the Discord message that was posted in this channel under the key `original`, or
    delete it where there is no payload; with `after_seconds` not before so many seconds have
    passed, and the channel waits for it."""
    return _post(
        tx,
        guild_id=guild_id,
        key=key,
        service="discord",
        lane=f"discord:{channel_id}",
        target={
            "channel_id": channel_id,
            "deletes" if payload is None else "edits": original,
        },
        kind=kind,
        payload=payload or {},
        after_seconds=after_seconds,
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


def post_reply(
    tx: Connection,
    message: ChatMessageSent,
    kind: str,
    payload: dict[str, Any],
    *,
    once_a_minute: str = "",
) -> bool:
    """A reply in the chat in which a message was written; the payload gets its sender's name as
    `viewer`. With `once_a_minute` at most one reply in each minute to whoever or whatever that
    names, so that spam is not answered with spam."""
    minute = int(message.at.timestamp() // 60)
    key = f"{once_a_minute}:{minute}" if once_a_minute else message.message_id
    return _post(
        tx,
        guild_id=message.guild_id,
        key=f"{kind}:{key}",
        service=message.platform,
        lane=f"{message.platform}:{message.channel_id}",
        target={"broadcaster_user_id": message.channel_id, "reply_to": message.message_id},
        kind=kind,
        payload=payload | {"viewer": message.sender.name},
    )


@dataclass(frozen=True, slots=True)
class RoleChange:
    """A role to give to a member or to take away. Doing it twice is harmless.

    Attributes:
        key: of the change, as of a message.
        reason: for Discord's own audit log.
        payload: what the feature that asked wants back when it is settled.
    """

    key: str
    discord_id: int
    role_id: int
    act: Literal["give", "take"]
    reason: str
    payload: dict[str, Any] = field(default_factory=dict)


def post_role_changes(
    tx: Connection, guild_id: int, kind: str, changes: Sequence[RoleChange]
) -> None:
    """Changes of members' roles. Those of a server go out one after the other, in this order; what
    becomes of each the feature of this kind hears through `Feature.settles`."""
    rows = [
        {
            "guild_id": guild_id,
            "key": change.key,
            "service": "discord",
            "lane": f"discord:roles:{guild_id}",
            "target": {
                "member_id": change.discord_id,
                "role_id": change.role_id,
                "act": change.act,
                "reason": change.reason,
            },
            "kind": kind,
            "payload": change.payload,
        }
        for change in changes
    ]
    if rows:
        store.add_messages(tx, rows)
        ring_after_commit(tx, BELL)


def withdraw(tx: Connection, guild_id: int, keys: Collection[str]) -> set[str]:
    """Let go of what waits or lies on the shelf under these keys, because it is out of date.

    Returns the keys of which surely nothing has reached the outside. What is on its way right now
    stays.
    """
    return store.set_withdrawn(tx, guild_id, keys) if keys else set()


def _post(tx: Connection, **message: Any) -> bool:
    if not store.add_message(tx, **message):
        return False
    ring_after_commit(tx, BELL)
    return True


def try_channel_again(tx: Connection, guild_id: int, channel_id: int, now: datetime) -> int:
    """Send what a Discord channel refused within the last day; returns how many messages."""
    count = store.set_lane_waiting(tx, guild_id, f"discord:{channel_id}", now)
    if count:
        ring_after_commit(tx, BELL)
    return count


def try_shelf_again(tx: Connection, now: datetime, guild_id: int | None = None) -> int:
    """Take one server's things off the shelf, or everybody's; returns how many are tried again."""
    count = store.set_shelf_waiting(tx, now, guild_id)
    if count:
        ring_after_commit(tx, BELL)
    return count
