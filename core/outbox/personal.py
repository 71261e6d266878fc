"""Export and deletion of messages to a person, and of messages that name them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, or_, select, update

from core.kit.database.connection import contains_any
from core.kit.database.personal import Personal, Subject, is_about, redacted, redacted_key
from core.kit.database.privacy import is_row
from core.outbox.records import messages


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """Messages to the person with their content, and those that are about them."""
    rows = _about(tx, subject)
    return {
        "messages_to_you": [
            {"at": row["posted_at"], "what": row["kind"], "content": row["payload"]}
            for row in rows
            if _is_to(row, subject)
        ],
        "messages_that_name_you": [
            {"at": row["posted_at"], "what": row["kind"]}
            for row in rows
            if not _is_to(row, subject)
        ],
    }


def _about(tx: Connection, subject: Subject) -> list[RowMapping]:
    traces = subject.traces
    likely = or_(contains_any(messages.c.payload, traces), contains_any(messages.c.target, traces))
    found = tx.execute(
        select(messages)
        .where(messages.c.guild_id == subject.guild_id, likely)
        .order_by(messages.c.id)
    )
    return [
        row
        for row in found.mappings()
        if is_about(row["target"], subject) or is_about(row["payload"], subject)
    ]


def _is_to(row: RowMapping, subject: Subject) -> bool:
    return bool(row["target"].get("user_id") == subject.discord_id)


def forget(tx: Connection, subject: Subject) -> None:
    """Delete messages to the person, and replace their name in others. Messages that are being
    sent, and role changes, are left for the sweep."""
    _redact(tx, subject, _about(tx, subject))


def _redact(tx: Connection, subject: Subject, rows: Iterable[RowMapping]) -> bool:
    """Returns whether some of these have to wait."""
    waits = False
    for row in rows:
        is_over = row["state"] in ("sent", "dead")
        is_pending = is_about(row["target"], subject) and not _is_to(row, subject) and not is_over
        if row["state"] == "sending" or is_pending:
            waits = True
            continue
        mine = is_row(messages, row) & (messages.c.state == row["state"])
        if _is_to(row, subject):
            tx.execute(delete(messages).where(mine))
        else:
            target = redacted(row["target"], subject)
            if is_over and "reply_to" in target:
                target["reply_to"] = None
            payload = redacted(row["payload"], subject)
            tx.execute(update(messages).where(mine).values(target=target, payload=payload))
    return waits


def sweep(tx: Connection, subject: Subject) -> bool:
    """Redact what was left, and the keys, which are no longer needed to prevent duplicates."""
    before = [row for row in _about(tx, subject) if row["posted_at"] < subject.swept_before]
    waits = _redact(tx, subject, before)
    found = tx.execute(
        select(messages.c.guild_id, messages.c.id, messages.c.key).where(
            messages.c.guild_id == subject.guild_id,
            messages.c.posted_at < subject.swept_before,
            contains_any(messages.c.key, subject.traces),
        )
    )
    for row in found.mappings().all():
        key = redacted_key(row["key"], subject)
        if key != row["key"]:
            tx.execute(
                update(messages).where(is_row(messages, row)).values(key=f"{key}:{row['id']}")
            )
    return waits


PERSONAL = Personal(tables=("outbox_messages",), collect=collect, forget=forget, sweep=sweep)
