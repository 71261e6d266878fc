"""What is kept about a viewer who called slots, and a moderator who closed calls."""

from typing import Any

from sqlalchemy import Connection, String, cast, literal, select, update

from core.kit.personal import Personal, Subject
from core.slot_calls import actions, store
from core.slot_calls.tables import blocks, calls


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """Calls, whether they are blocked, and what they did as a moderator."""
    mine = tx.execute(
        select(
            calls.c.number,
            calls.c.slot,
            calls.c.called_at,
            calls.c.state,
            calls.c.closed_at,
            calls.c.message_id.label("message_on_kick"),
        )
        .where(calls.c.guild_id == subject.guild_id, calls.c.viewer_id.in_(subject.viewer_ids))
        .order_by(calls.c.number)
    )
    blocked = tx.execute(
        select(blocks.c.blocked_at).where(
            blocks.c.guild_id == subject.guild_id, blocks.c.viewer_id.in_(subject.viewer_ids)
        )
    )
    closed = tx.execute(
        select(calls.c.number, calls.c.closed_at, calls.c.state).where(
            calls.c.guild_id == subject.guild_id, calls.c.closed_by == subject.discord_id
        )
    )
    made = tx.execute(
        select(blocks.c.blocked_at).where(
            blocks.c.guild_id == subject.guild_id, blocks.c.blocked_by == subject.discord_id
        )
    )
    return {
        "slot_calls": [dict(row) for row in mine.mappings()],
        "blocked_from_slot_calls_since": [row.blocked_at for row in blocked],
        "slot_calls_you_closed": [dict(row) for row in closed.mappings()],
        "viewers_you_blocked_from_slot_calls_at": [row.blocked_at for row in made],
    }


def forget(tx: Connection, subject: Subject) -> None:
    """Calls keep their number and slot. A block stays: it is a penalty."""
    store.lock_list(tx, subject.guild_id)
    for call in store.list_open(tx, subject.guild_id):
        if call.viewer_id in subject.viewer_ids:
            actions.close_call(tx, subject.guild_id, call.number, "skipped", 0, subject.at)
    tx.execute(
        update(calls)
        .where(calls.c.guild_id == subject.guild_id, calls.c.viewer_id.in_(subject.viewer_ids))
        # Unique by message: the number is, too.
        .values(message_id=literal("forgotten:") + cast(calls.c.number, String))
    )
    for table, column in ((calls, calls.c.closed_by), (blocks, blocks.c.blocked_by)):
        tx.execute(
            update(table)
            .where(table.c.guild_id == subject.guild_id, column == subject.discord_id)
            .values({column: 0})
        )


PERSONAL = Personal(tables=("slot_calls", "slot_calls_blocks"), collect=collect, forget=forget)
