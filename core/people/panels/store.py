"""The statements about panels."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select, text, update

from core.people.panels.tables import panels

State = Literal["posted", "withdrawn", "gone"]


@dataclass(frozen=True, slots=True)
class Panel:
    """A message that is, or was, a link panel.

    Attributes:
        channel_name: when it was posted.
        emoji: of its reaction, as it is written in a message.
        state: `withdrawn` while the message is still to be deleted; `gone` when somebody else
            deleted it.
        ended_at: when it was withdrawn, or found gone.
        trouble: what it cannot do right now, in words for an admin.
    """

    guild_id: int
    message_id: int
    channel_id: int
    channel_name: str
    emoji: str
    posted_by: int
    posted_at: datetime
    state: State = "posted"
    ended_at: datetime | None = None
    trouble: str | None = None


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('people_panels', :guild_id))")


def lock_panels(tx: Connection, guild_id: int) -> None:
    """One change of a server's panels at a time."""
    tx.execute(_LOCK, {"guild_id": guild_id})


def add_panel(tx: Connection, panel: Panel) -> None:
    """The message was posted. Its channel must have no other."""
    values = {name: getattr(panel, name) for name in Panel.__dataclass_fields__}
    tx.execute(insert(panels).values(**values))


def find_panel(tx: Connection, guild_id: int, message_id: int) -> Panel | None:
    """The panel that this message is, in whichever state."""
    return next(iter(_list(tx, guild_id, panels.c.message_id == message_id)), None)


def list_of_messages(tx: Connection, guild_id: int, message_ids: Collection[int]) -> list[Panel]:
    """Those of these messages that are panels."""
    return _list(tx, guild_id, panels.c.message_id.in_(message_ids))


def list_panels(tx: Connection, guild_id: int) -> list[Panel]:
    """The server's panels in every state, the oldest first."""
    return _list(tx, guild_id)


def list_of_channel(tx: Connection, guild_id: int, channel_id: int) -> list[Panel]:
    """The posted panel of a channel, if there is one."""
    return _list(tx, guild_id, panels.c.channel_id == channel_id, panels.c.state == "posted")


def _list(tx: Connection, guild_id: int, *conditions: Any) -> list[Panel]:
    found = tx.execute(
        select(panels)
        .where(panels.c.guild_id == guild_id, *conditions)
        .order_by(panels.c.posted_at, panels.c.message_id)
    )
    return [Panel(**row) for row in found.mappings()]


def list_troubles(tx: Connection, gone_after: datetime) -> list[Panel]:
    """Every server's panels that need an admin: in trouble, or found gone after this instant and
    without another one in their channel."""
    posted = panels.alias("posted")
    replaced = select(posted.c.message_id).where(
        posted.c.guild_id == panels.c.guild_id,
        posted.c.channel_id == panels.c.channel_id,
        posted.c.state == "posted",
    )
    found = tx.execute(
        select(panels)
        .where(
            ((panels.c.state == "posted") & panels.c.trouble.is_not(None))
            | ((panels.c.state == "gone") & (panels.c.ended_at > gone_after) & ~replaced.exists())
        )
        .order_by(panels.c.guild_id, panels.c.message_id)
    )
    return [Panel(**row) for row in found.mappings()]


def set_ended(tx: Connection, guild_id: int, message_id: int, state: State, now: datetime) -> bool:
    """A posted panel is withdrawn, or was found gone; False when it was not posted."""
    changed = tx.execute(
        update(panels)
        .where(
            panels.c.guild_id == guild_id,
            panels.c.message_id == message_id,
            panels.c.state == "posted",
        )
        .values(state=state, ended_at=now, trouble=None)
    )
    return changed.rowcount == 1


def set_trouble(tx: Connection, guild_id: int, message_id: int, trouble: str | None) -> bool:
    """What a panel cannot do, or None when it can everything; False when that is no news."""
    changed = tx.execute(
        update(panels)
        .where(
            panels.c.guild_id == guild_id,
            panels.c.message_id == message_id,
            panels.c.trouble.is_distinct_from(trouble),
        )
        .values(trouble=trouble)
    )
    return changed.rowcount == 1


def end_panel(tx: Connection, guild_id: int, message_id: int) -> bool:
    """Forget a withdrawn panel: its message is deleted."""
    ended = tx.execute(
        delete(panels).where(
            panels.c.guild_id == guild_id,
            panels.c.message_id == message_id,
            panels.c.state == "withdrawn",
        )
    )
    return ended.rowcount == 1
