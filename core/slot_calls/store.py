"""The statements about calls and blocked viewers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.people.tables import viewers
from core.slot_calls.tables import blocks, calls


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it stands. `state` is open, done or skipped; `viewer` is today's name."""

    guild_id: int
    number: int
    viewer_id: int
    viewer: str
    slot: str
    platform: str
    called_at: datetime
    channel_id: int
    state: str
    closed_by: int | None


_CALLS: Select[Any] = select(
    calls.c.guild_id,
    calls.c.number,
    calls.c.viewer_id,
    viewers.c.name.label("viewer"),
    calls.c.slot,
    calls.c.platform,
    calls.c.called_at,
    calls.c.channel_id,
    calls.c.state,
    calls.c.closed_by,
).join_from(
    calls,
    viewers,
    (viewers.c.guild_id == calls.c.guild_id) & (viewers.c.viewer_id == calls.c.viewer_id),
)


def lock_list(tx: Connection, guild_id: int) -> None:
    """One change of a server's list at a time: numbers and limits are counted under this lock."""
    tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('slot_calls', :guild_id))"),
        {"guild_id": guild_id},
    )


def add_call(
    tx: Connection,
    *,
    guild_id: int,
    viewer_id: int,
    slot: str,
    platform: str,
    message_id: str,
    called_at: datetime,
    channel_id: int,
) -> int:
    """Put a call on the list; returns its number. Hold `lock_list`."""
    highest = select(func.coalesce(func.max(calls.c.number), 0) + 1).where(
        calls.c.guild_id == guild_id
    )
    number: int = tx.execute(
        insert(calls)
        .values(
            guild_id=guild_id,
            number=highest.scalar_subquery(),
            viewer_id=viewer_id,
            slot=slot,
            platform=platform,
            message_id=message_id,
            called_at=called_at,
            channel_id=channel_id,
        )
        .returning(calls.c.number)
    ).scalar_one()
    return number


def is_taken(tx: Connection, guild_id: int, platform: str, message_id: str) -> bool:
    """Whether this line of chat has become a call."""
    found = tx.execute(
        select(calls.c.number).where(
            calls.c.guild_id == guild_id,
            calls.c.platform == platform,
            calls.c.message_id == message_id,
        )
    )
    return found.first() is not None


def find_call(tx: Connection, guild_id: int, number: int) -> Call | None:
    """The call with this number."""
    row = (
        tx.execute(_CALLS.where(calls.c.guild_id == guild_id, calls.c.number == number))
        .mappings()
        .first()
    )
    return Call(**row) if row else None


def list_open(tx: Connection, guild_id: int) -> list[Call]:
    """The list, oldest first."""
    found = tx.execute(
        _CALLS.where(calls.c.guild_id == guild_id, calls.c.state == "open").order_by(calls.c.number)
    )
    return [Call(**row) for row in found.mappings()]


def count_open(tx: Connection, guild_id: int) -> int:
    """How long the list is."""
    return tx.execute(
        select(func.count()).where(calls.c.guild_id == guild_id, calls.c.state == "open")
    ).scalar_one()


def list_open_slots(tx: Connection, guild_id: int, viewer_id: int) -> tuple[str, ...]:
    """What one viewer has on the list."""
    return tuple(
        tx.execute(
            select(calls.c.slot).where(
                calls.c.guild_id == guild_id,
                calls.c.viewer_id == viewer_id,
                calls.c.state == "open",
            )
        ).scalars()
    )


def find_last_called_at(tx: Connection, guild_id: int, viewer_id: int) -> datetime | None:
    """When this viewer last called."""
    last: datetime | None = tx.execute(
        select(func.max(calls.c.called_at)).where(
            calls.c.guild_id == guild_id, calls.c.viewer_id == viewer_id
        )
    ).scalar()
    return last


def end_call(
    tx: Connection, guild_id: int, number: int, state: str, closed_by: int, now: datetime
) -> bool:
    """Close an open call as done or skipped; False when it was not open."""
    ended = tx.execute(
        update(calls)
        .where(calls.c.guild_id == guild_id, calls.c.number == number, calls.c.state == "open")
        .values(state=state, closed_by=closed_by, closed_at=now)
    )
    return ended.rowcount == 1


def add_block(tx: Connection, guild_id: int, viewer_id: int, blocked_by: int) -> bool:
    """Block a viewer; False when they were."""
    added = tx.execute(
        upsert(blocks)
        .values(guild_id=guild_id, viewer_id=viewer_id, blocked_by=blocked_by)
        .on_conflict_do_nothing(constraint="slot_calls_blocks_once")
    )
    return added.rowcount == 1


def end_block(tx: Connection, guild_id: int, viewer_id: int) -> bool:
    """Let a viewer call again; False when they could."""
    ended = tx.execute(
        delete(blocks).where(blocks.c.guild_id == guild_id, blocks.c.viewer_id == viewer_id)
    )
    return ended.rowcount == 1


def is_blocked(tx: Connection, guild_id: int, viewer_id: int) -> bool:
    """Whether a viewer may not call."""
    found = tx.execute(
        select(blocks.c.viewer_id).where(
            blocks.c.guild_id == guild_id, blocks.c.viewer_id == viewer_id
        )
    )
    return found.first() is not None


def list_blocked(tx: Connection, guild_id: int) -> list[str]:
    """The names of the blocked viewers, in alphabetical order."""
    return list(
        tx.execute(
            select(viewers.c.name)
            .join_from(
                blocks,
                viewers,
                (viewers.c.guild_id == blocks.c.guild_id)
                & (viewers.c.viewer_id == blocks.c.viewer_id),
            )
            .where(blocks.c.guild_id == guild_id)
            .order_by(viewers.c.folded_name)
        ).scalars()
    )
