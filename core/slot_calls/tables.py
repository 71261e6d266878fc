"""Calls and blocked viewers."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from core.kit.database import METADATA
from core.kit.personal import holds

_VIEWER = ["people_viewers.guild_id", "people_viewers.viewer_id"]

calls = Table(
    "slot_calls",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False, comment="counts up within the server"),
    Column("viewer_id", BigInteger, nullable=False),
    Column("slot", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column(
        "message_id",
        Text,
        nullable=False,
        comment="the line of chat that called",
        info=holds("text"),
    ),
    Column("called_at", DateTime(timezone=True), nullable=False),
    Column("channel_id", BigInteger, nullable=False, comment="Discord channel of the post"),
    Column("state", Text, nullable=False, server_default="open"),
    Column("closed_at", DateTime(timezone=True)),
    Column("closed_by", BigInteger, comment="Discord id of the moderator", info=holds("number")),
    PrimaryKeyConstraint("guild_id", "number", name="slot_calls_numbered"),
    UniqueConstraint("guild_id", "platform", "message_id", name="slot_calls_once"),
    ForeignKeyConstraint(["guild_id", "viewer_id"], _VIEWER, name="slot_calls_viewer"),
    CheckConstraint("state IN ('open', 'done', 'skipped')", name="slot_calls_state"),
)
Index(
    "slot_calls_open",
    calls.c.guild_id,
    calls.c.number,
    postgresql_where=text("state = 'open'"),
)
Index("slot_calls_by_viewer", calls.c.guild_id, calls.c.viewer_id, calls.c.called_at.desc())

blocks = Table(
    "slot_calls_blocks",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("viewer_id", BigInteger, nullable=False),
    Column(
        "blocked_by",
        BigInteger,
        nullable=False,
        comment="Discord id of the moderator",
        info=holds("number"),
    ),
    Column("blocked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("guild_id", "viewer_id", name="slot_calls_blocks_once"),
    ForeignKeyConstraint(["guild_id", "viewer_id"], _VIEWER, name="slot_calls_blocks_viewer"),
)
