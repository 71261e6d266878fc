"""Posting messages, in the transaction of their cause; retrying dead letters."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import ColumnElement, select, text, update

from core.events import ChatMessageSent
from core.kit.database.connection import notify_after_commit
from core.kit.database.work import Work
from core.kit.text.cleaning import every_text, has_link, without_links
from core.outbox.records import LiveMessage, Outgoing, Priority

TOPIC = "outbox"

REPLY_WITHIN = timedelta(minutes=2)
"""A viewer who typed a command longer ago no longer waits for the reply."""

DELETED = "the original was deleted"
"""The receipt of an edit that found no message."""

Draft = dict[str, Any]
"""A message to post: columns of `Outgoing`, and optionally `after_seconds`, or the time `asked_at`
of a reply, which expires after REPLY_WITHIN; it is dropped after `expires_in` seconds."""

ANSWER_EXPIRES = timedelta(minutes=10)
"""A reply to one person expires after this long."""

BULK_EXPIRES = timedelta(minutes=1)
"""Like `ANSWER_EXPIRES`, for confirmations and public commands."""


def post_to_channel(
    work: Work, channel_id: int, kind: str, key: str, payload: dict[str, Any]
) -> bool:
    """Post a message in a Discord channel; False if this key was already posted."""
    return _post(work, **to_channel(channel_id, kind, key, payload))


def to_channel(channel_id: int, kind: str, key: str, payload: dict[str, Any]) -> Draft:
    """A message in a Discord channel, for `post_all`."""
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
    """Send a direct message to a Discord user; False if this key was already posted. If the user
    does not accept direct messages, it becomes a dead letter, or with `if_possible` it is dropped.
    It is sent after `after_seconds`."""
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
    *,
    until: datetime | None = None,
    deadline: bool = False,
) -> bool:
    """Post a line in a streamer's chat, as a reply if `reply_to` is the id of a message.

    Args:
        until: it is dropped after this time.
        deadline: it is sent before all others, because it is only useful until then.
    """
    return _post(
        work,
        key=key,
        service=platform,
        lane=f"{platform}:{broadcaster_user_id}",
        target={"broadcaster_user_id": broadcaster_user_id, "reply_to": reply_to},
        kind=kind,
        payload=payload,
        priority=Priority.DEADLINE if deadline else Priority.NORMAL,
        expires_at=until.isoformat() if until else None,
    )


def post_reply(
    work: Work,
    message: ChatMessageSent,
    kind: str,
    payload: dict[str, Any],
    *,
    once_a_minute: str = "",
    bulk: bool = False,
) -> bool:
    """Reply to a chat message; the payload gets its sender's name as `viewer`.

    Args:
        once_a_minute: a key for which there is at most one reply per minute and platform, so that
            the bot does not add to spam. "all": not per person, so it is not a reply to one person.
        bulk: it only confirms an action; in a busy chat it is merged with others or dropped.
    """
    draft = reply_to(message, kind, payload, once_a_minute=once_a_minute, bulk=bulk)
    return _post(work, **draft)


def reply_to(
    message: ChatMessageSent,
    kind: str,
    payload: dict[str, Any],
    *,
    once_a_minute: str = "",
    bulk: bool = False,
) -> Draft:
    """A reply to a chat message, for `post_all`."""
    bulk = bulk or once_a_minute.rpartition(":")[2] == "all"
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
        "payload": _repeated(message, payload) | {"viewer": message.sender.name},
        "asked_at": message.at.isoformat(),
        "priority": Priority.BULK if bulk else Priority.ANSWER,
        "expires_in": (BULK_EXPIRES if bulk else ANSWER_EXPIRES).total_seconds(),
    }


def _repeated(message: ChatMessageSent, payload: dict[str, Any]) -> dict[str, Any]:
    """A reply to a viewer's text contains no clickable links of theirs."""
    return every_text(payload, without_links) if has_link(message.text) else payload


@dataclass(frozen=True, slots=True)
class RoleChange:
    """A role to add to a member or to remove. Idempotent.

    Attributes:
        key: unique, like that of a message.
        reason: the reason for Discord's audit log.
        payload: data for the feature's receipt handler.
    """

    key: str
    discord_id: int
    role_id: int
    act: Literal["give", "take"]
    reason: str
    payload: dict[str, Any] = field(default_factory=dict)


def post_role_changes(work: Work, kind: str, changes: Sequence[RoleChange]) -> None:
    """Change members' roles, in this order. `Feature.settles` gets the outcome of each."""
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
    """Withdraw outdated messages that are waiting or dead letters, but not those being sent.

    Returns the keys of messages that were never attempted.
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
    INSERT INTO outbox_messages (guild_id, key, service, lane, target, kind, payload, try_at,
                                 priority, expires_at)
    SELECT CAST(:guild_id AS bigint), key, service, lane, target, kind, payload,
           now() + make_interval(secs => COALESCE(after_seconds, 0)),
           COALESCE(priority, 1),
           COALESCE(expires_at, now() + make_interval(secs => expires_in))
      FROM ROWS FROM (jsonb_to_recordset(CAST(:drafts AS jsonb))
                   AS (key text, service text, lane text, target jsonb, kind text, payload jsonb,
                       after_seconds double precision, priority smallint,
                       expires_at timestamptz, expires_in double precision)) WITH ORDINALITY
     ORDER BY ordinality
        ON CONFLICT ON CONSTRAINT outbox_messages_once DO NOTHING
""")


def _post(work: Work, **draft: Any) -> bool:
    return _post_drafts(work, [draft]) == 1


def _post_drafts(work: Work, drafts: Sequence[Draft]) -> int:
    """Returns how many were posted."""
    drafts = [draft for draft in drafts if not _is_too_late(work, draft)]
    if not drafts:
        return 0
    given = {"guild_id": work.guild_id, "drafts": json.dumps(drafts)}
    posted = work.tx.execute(_POST, given).rowcount
    if posted:
        notify_after_commit(work.tx, TOPIC)
    return posted


def _is_too_late(work: Work, draft: Draft) -> bool:
    asked_at = draft.get("asked_at")
    return asked_at is not None and (work.now - datetime.fromisoformat(asked_at) > REPLY_WITHIN)


# -- messages that show the current state -------------------------------------------------------


def post_live(work: Work, live: LiveMessage, kind: str, make: Callable[[], dict[str, Any]]) -> None:
    """Post the message, for the first time or as a new one. `make()` returns the payload and may
    use `live.version`. Without a channel nothing is posted."""
    live.message, live.version = str(uuid4()), live.version + 1
    if live.channel_id:
        post_to_channel(work, live.channel_id, kind, live.key, make())


def edit_live(work: Work, live: LiveMessage, kind: str, make: Callable[[], dict[str, Any]]) -> None:
    """Update the message. A waiting edit is replaced; a message that was deleted is posted
    again."""
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
    """Whether the latest edit found that the message was deleted."""
    return find_receipt(work, live.edit_key).get("skipped") == DELETED


# -- outcomes -------------------------------------------------------------------------------------


def find_message(work: Work, key: str) -> Outgoing | None:
    """The message with this key."""
    return work.scalar(select(Outgoing).where(Outgoing.key == key))


def find_receipt(work: Work, key: str) -> dict[str, Any]:
    """The receipt of the message with this key; empty until it was sent."""
    return work.scalar(select(Outgoing.receipt).where(Outgoing.key == key)) or {}


def find_error(work: Work, *kinds: str) -> str | None:
    """The error of the newest undelivered message of these kinds."""
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
    again = dead.values(state="waiting", attempts=0, try_at=work.now, expires_at=None)
    again = again.returning(Outgoing.id)
    count = len(work.scalars(again).all())
    if count:
        notify_after_commit(work.tx, TOPIC)
    return count
