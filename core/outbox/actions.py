"""Posting messages, in the transaction of their cause; retrying dead letters."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import ColumnElement, select, text, update

from core.events import ChatMessageSent
from core.kit.database import notify_after_commit
from core.kit.work import Work
from core.outbox.records import LiveMessage, Outgoing

TOPIC = "outbox"

DELETED = "the original was deleted"
"""In the receipt of an edit that found no message."""

Draft = dict[str, Any]
"""A message that is not posted yet: columns of `Outgoing`, and perhaps `after_seconds`."""


def post_to_channel(
    work: Work, channel_id: int, kind: str, key: str, payload: dict[str, Any]
) -> bool:
    """A message in a Discord channel; False when this key was already posted."""
    return _post(work, **to_channel(channel_id, kind, key, payload))


def to_channel(channel_id: int, kind: str, key: str, payload: dict[str, Any]) -> Draft:
    """The same for `post_all`."""
    return {
        "key": key,
        "service": "discord",
        "lane": f"discord:{channel_id}",
        "target": {"channel_id": channel_id},
        "kind": kind,
        "payload": payload,
    }


def post_to_user(
    work: Work,
    user_id: int,
    kind: str,
    key: str,
    payload: dict[str, Any],
    *,
    if_possible: bool = False,
    after_seconds: float = 0,
) -> bool:
    """A direct message to a Discord user, on behalf of a server; False when this key was already
    posted. If the user does not accept direct messages, it becomes a dead letter, or with
    `if_possible` it is dropped. It is not sent before `after_seconds` have passed."""
    return _post(
        work,
        key=key,
        service="discord",
        lane=f"discord:user:{user_id}",
        target={"user_id": user_id} | ({"if_possible": True} if if_possible else {}),
        kind=kind,
        payload=payload,
        after_seconds=after_seconds,
    )


def post_edit(
    work: Work,
    channel_id: int,
    original: str,
    kind: str,
    key: str,
    payload: dict[str, Any] | None,
    *,
    after_seconds: float = 0,
) -> bool:
    """Edit the Discord message that was posted in this channel under the key `original`, or delete
    it if there is no payload. With `after_seconds`, later messages of the channel wait too."""
    return _post(
        work,
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


def post_to_chat(
    work: Work,
    platform: str,
    broadcaster_user_id: int,
    kind: str,
    key: str,
    payload: dict[str, Any],
    reply_to: str | None = None,
) -> bool:
    """A line in a streamer's chat, as a reply where `reply_to` is the id of a message."""
    return _post(
        work,
        key=key,
        service=platform,
        lane=f"{platform}:{broadcaster_user_id}",
        target={"broadcaster_user_id": broadcaster_user_id, "reply_to": reply_to},
        kind=kind,
        payload=payload,
    )


def post_reply(
    work: Work,
    message: ChatMessageSent,
    kind: str,
    payload: dict[str, Any],
    *,
    once_a_minute: str = "",
) -> bool:
    """A reply in the chat in which a message was written; the payload gets its sender's name as
    `viewer`. With `once_a_minute` at most one reply in each minute and on each platform to whoever
    or whatever that names, so that spam is not answered with spam."""
    return _post(work, **reply_to(message, kind, payload, once_a_minute=once_a_minute))


def reply_to(
    message: ChatMessageSent, kind: str, payload: dict[str, Any], *, once_a_minute: str = ""
) -> Draft:
    """The same for `post_all`."""
    minute = int(message.at.timestamp() // 60)
    key = message.message_id
    if once_a_minute:
        key = f"{message.platform}:{once_a_minute}:{minute}"
    return {
        "key": f"{kind}:{key}",
        "service": message.platform,
        "lane": f"{message.platform}:{message.channel_id}",
        "target": {"broadcaster_user_id": message.channel_id, "reply_to": message.message_id},
        "kind": kind,
        "payload": payload | {"viewer": message.sender.name},
    }


@dataclass(frozen=True, slots=True)
class RoleChange:
    """A role to give to a member or to take away. Idempotent.

    Attributes:
        key: unique, like that of a message.
        reason: for Discord's own audit log.
        payload: for the receipt handler of the feature.
    """

    key: str
    discord_id: int
    role_id: int
    act: Literal["give", "take"]
    reason: str
    payload: dict[str, Any] = field(default_factory=dict)


def post_role_changes(work: Work, kind: str, changes: Sequence[RoleChange]) -> None:
    """Change members' roles, one after the other per server, in this order. `Feature.settles` gets
    the outcome of each."""
    drafts = [
        {
            "key": change.key,
            "service": "discord",
            "lane": f"discord:roles:{work.guild_id}",
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
    post_all(work, drafts)


def post_all(work: Work, drafts: Sequence[Draft]) -> None:
    """Post many messages in one statement, in this order; keys that were already posted are
    skipped."""
    if drafts:
        _post_drafts(work, drafts)


def withdraw(work: Work, keys: Collection[str]) -> set[str]:
    """Withdraw outdated messages that are waiting or dead letters; those being sent stay.

    Returns the keys of messages of which no attempt was ever made.
    """
    given = {"guild_id": work.guild_id, "keys": list(keys)}
    found = work.tx.execute(_WITHDRAW, given)
    for record in work:
        if isinstance(record, Outgoing):
            work.expire(record)
    return {row.key for row in found if row.attempts == 0}


# ANY of an array uses the index for each key. Without statistics PostgreSQL may join a subquery
# by reading the whole table for each key.
_WITHDRAW = text("""
    UPDATE outbox_messages AS m
       SET state = 'sent', sent_at = now(), receipt = '{"skipped": "withdrawn"}', error = NULL
     WHERE m.guild_id = :guild_id AND m.key = ANY(CAST(:keys AS text[]))
       AND m.state IN ('waiting', 'dead')
    RETURNING m.key, m.attempts
""")

_POST = text("""
    INSERT INTO outbox_messages (guild_id, key, service, lane, target, kind, payload, try_at)
    SELECT CAST(:guild_id AS bigint), key, service, lane, target, kind, payload,
           now() + make_interval(secs => COALESCE(after_seconds, 0))
      FROM ROWS FROM (jsonb_to_recordset(CAST(:drafts AS jsonb))
                   AS (key text, service text, lane text, target jsonb, kind text, payload jsonb,
                       after_seconds double precision)) WITH ORDINALITY
     ORDER BY ordinality
        ON CONFLICT ON CONSTRAINT outbox_messages_once DO NOTHING
""")


def _post(work: Work, **draft: Any) -> bool:
    return _post_drafts(work, [draft]) == 1


def _post_drafts(work: Work, drafts: Sequence[Draft]) -> int:
    """How many were posted."""
    given = {"guild_id": work.guild_id, "drafts": json.dumps(drafts)}
    posted = work.tx.execute(_POST, given).rowcount
    if posted:
        notify_after_commit(work.tx, TOPIC)
    return posted


# -- messages that always show how something stands ---------------------------------------------


def post_live(work: Work, live: LiveMessage, kind: str, make: Callable[[], dict[str, Any]]) -> None:
    """Post it for the first time, or again as a new message. `make()` returns the payload and may
    use `live.version`; nothing is posted without a channel."""
    live.message, live.version = str(uuid4()), live.version + 1
    if live.channel_id:
        post_to_channel(work, live.channel_id, kind, live.key, make())


def edit_live(work: Work, live: LiveMessage, kind: str, make: Callable[[], dict[str, Any]]) -> None:
    """Show how it stands now. An edit that still waits is replaced; if somebody has deleted the
    message, it is posted again."""
    if not live.channel_id or is_deleted(work, live):
        post_live(work, live, kind, make)
        return
    withdraw(work, [live.edit_key])
    live.version += 1
    post_edit(work, live.channel_id, live.key, kind, live.edit_key, make())


def delete_live(work: Work, live: LiveMessage, kind: str) -> None:
    """Delete the message, if there is one."""
    if live.channel_id:
        withdraw(work, [live.edit_key])
        post_edit(work, live.channel_id, live.key, kind, f"{live.key}:gone", None)


def is_deleted(work: Work, live: LiveMessage) -> bool:
    """Whether the latest edit came too late: somebody had deleted the message."""
    return find_receipt(work, live.edit_key).get("skipped") == DELETED


# -- what became of them --------------------------------------------------------------------------


def find_message(work: Work, key: str) -> Outgoing | None:
    """The message with this key."""
    return work.scalar(select(Outgoing).where(Outgoing.key == key))


def find_receipt(work: Work, key: str) -> dict[str, Any]:
    """The receipt of the message with this key; empty until it was sent."""
    return work.scalar(select(Outgoing.receipt).where(Outgoing.key == key)) or {}


def find_error(work: Work, *kinds: str) -> str | None:
    """Why the newest undelivered message of these kinds was not delivered yet."""
    failing = select(Outgoing.error).where(
        Outgoing.kind.in_(kinds), Outgoing.state != "sent", Outgoing.error.is_not(None)
    )
    return work.scalar(failing.order_by(Outgoing.id.desc()).limit(1))


def retry_channel(work: Work, channel_id: int) -> int:
    """Retry the dead letters of a Discord channel of the last day; returns how many."""
    lately = Outgoing.posted_at > work.now - timedelta(days=1)
    return retry_dead_letters(work, Outgoing.lane == f"discord:{channel_id}", lately)


def retry_dead_letters(work: Work, *criteria: ColumnElement[bool]) -> int:
    """Retry the dead letters that meet all criteria; returns how many."""
    dead = update(Outgoing).where(Outgoing.state == "dead", *criteria)
    again = dead.values(state="waiting", attempts=0, try_at=work.now).returning(Outgoing.id)
    count = len(work.scalars(again).all())
    if count:
        notify_after_commit(work.tx, TOPIC)
    return count
